// All the readers that can be fuzzed without a disk, a network or another process.

/// The list of them.
enum FuzzTargets {
    static let all: [FuzzTarget] = [
        .request, .peek, .documents, .json, .records, .profiles, .answers, .refusals, .picturesInAnswers, .talk,
        .names, .inotify, .movies, .wire, .destinations, .storeAnswers, .prompts, .timestamps,
    ]
}
