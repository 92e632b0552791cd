// What `check-config` says: every problem with what is allowed and where it came from, or what is in force.

internal import Contract

enum CheckReport {
    /// One problem in one or two lines.
    static func line(for problem: SettingsProblem) -> String {
        let key = problem.key.map { "\(printable($0)): " } ?? ""
        return "  \(key)\(shown(problem.sentence))\n    from: \(shown("\(problem.source)"))"
    }

    /// All problems, for standard error.
    static func problems(_ problems: [SettingsProblem]) -> String {
        let count = problems.count == 1 ? "is 1 problem" : "are \(problems.count) problems"
        return "vizd: There \(count) in the configuration; vizd does not run before all are mended.\n"
            + problems.map { line(for: $0) + "\n" }.joined()
    }

    /// Every setting with its value and source, those that were set first.
    static func effective(_ loaded: LoadedSettings) -> String {
        var table = TextTable("SETTING", "VALUE", "FROM", widest: .max)
        let isSet: (EffectiveSetting) -> Bool = { $0.source != .builtIn }
        for setting in loaded.effective.filter(isSet) + loaded.effective.filter({ !isSet($0) }) {
            table.add(setting.key, setting.display, "\(setting.source)")
        }
        let file = loaded.file.map { "Read from \(shown($0))." } ?? "No configuration file; defaults."
        return file + "\n" + table.text
    }
}
