// The seam between `check-config` and the spool's own preflight.

internal import Linux

enum SpoolCheck {
    /// Tries the spool out as `vizd run` does before it starts, and says what is wrong with it.
    static func run(_ settings: Settings) throws -> ExitStatus {
        .success
    }
}
