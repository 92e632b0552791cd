// A job as somebody names it on the command line: NAME, or the file that they see in the spool.

internal import Linux
internal import Spool

struct JobReference: Equatable, Sendable {
    /// The job's id, which may be one that vizd gave (`NAME.0001`, `NAME~1a2b3c4d`).
    let name: String

    /// Takes `NAME`, `NAME.json`, `NAME.result.json` and `NAME.status.json`; nil for what can be no file in a box.
    init?(_ text: String) {
        let suffix = [".result.json", ".status.json", ".json"].first { text.hasSuffix($0) && text != $0 } ?? ""
        let name = text.dropLast(suffix.count)
        let plain = name.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
        guard plain, !name.isEmpty, !name.hasPrefix("."), !name.contains("/"), name.utf8.count <= 240 else {
            return nil
        }
        self.name = String(name)
    }

    /// The job at the top of the compound job that it is a part of; nil for a name that a request can have.
    var root: JobReference? {
        guard var job = JobName(job: name), job.parent != nil else { return nil }
        while let parent = job.parent { job = parent }
        return JobReference(job.text + ".json")
    }

    var requestFile: FileName { FileName(name + ".json") }
    var resultFile: FileName { FileName(name + ".result.json") }
    var statusFile: FileName { FileName(name + ".status.json") }
}
