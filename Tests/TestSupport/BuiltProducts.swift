// Where the package's own executables lie while its tests run: beside the test bundle, which is a program of its own in
// the same build folder.

package import Linux

/// The executables that were built together with the running tests.
package enum BuiltProducts {
    /// The path of a built executable, such as `vizd-image`.
    /// - Throws: ENOENT when it is not there: build the whole package (`swift build --build-tests`) first.
    package static func path(of name: String) throws(SystemFailure) -> String {
        // A sanitized build has its image worker from a plain one: the worker bounds its address space, and a sanitizer
        // needs more of it than there is memory.
        let named = Host.environment["VIZD_BUILT_PRODUCTS"]
        let folder = if let named { named } else { try Host.programFolder() }
        let directory = try Directory(path: folder)
        guard try directory.infoIfPresent(of: FileName(name))?.kind == .regular else {
            throw SystemFailure(call: "find", errno: .notFound, subject: "\(folder)/\(name)")
        }
        return "\(folder)/\(name)"
    }
}

/// The repository's root, from this file's place in it.
package enum Repository {
    /// An absolute path without a slash at its end.
    package static let root = String("/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/"))
}
