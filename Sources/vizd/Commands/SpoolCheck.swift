// The spool tried out, as `vizd run` does before it starts: what `check-config` says of it.

internal import Linux
internal import Spool

enum SpoolCheck {
    /// Tries the spool out (making boxes that are missing) and says what is wrong with it.
    static func run(_ settings: Settings) -> ExitStatus {
        let floor = DiskFloor(bytes: settings.spool.minFree)
        let problems = Preflight.run(path: settings.spool.directory, modes: SpoolModes(), floor: floor)
        Surroundings.print("\n" + report(problems, path: settings.spool.directory))
        return status(of: problems)
    }

    static func report(_ problems: [PreflightProblem], path: String) -> String {
        if problems.isEmpty { return "The spool \(shown(path)) passed all tests.\n" }
        return "The spool \(shown(path)):\n"
            + problems.map { problem in
                let word = problem.weight == .warning ? "warning" : "problem"
                return "  \(word): \(shown(problem.sentence))\n"
            }.joined()
    }

    /// The first code to leave with; the configuration comes before the machine, since mending it may mend the other.
    static func status(of problems: [PreflightProblem]) -> ExitStatus {
        let codes = problems.compactMap { problem -> ExitStatus? in
            if case .exit(let code) = problem.weight { return ExitStatus(rawValue: code) ?? .cannotCreate }
            return nil
        }
        return codes.contains(.configuration) ? .configuration : codes.first ?? .success
    }
}
