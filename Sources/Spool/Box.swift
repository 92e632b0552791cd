// The boxes of a spool: the only place where the names of its folders are spelled.

package import Linux

/// A folder of the spool. The raw value is the name on disk.
package enum Box: String, CaseIterable, Hashable, Sendable {
    /// Where producers drop requests.
    case incoming
    /// Requests that vizd has claimed, and their status files. Nobody else writes here.
    case processing
    /// Finished requests, each with its result beside it.
    case done
    /// Requests that could not be fulfilled, each with a result that says why.
    case failed
    /// Where producers may write a file before they rename it into `incoming`.
    case tmp

    /// The folder's name in the spool.
    package var folder: FileName { FileName(rawValue) }
}
