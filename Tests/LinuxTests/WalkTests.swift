// Opening without openat2(2), held side by side with the kernel's own openat2: the same file or the same error for
// every path, and nothing outside the folder.

import Testing

@testable import Linux

@Suite("Walking a path")
struct WalkTests {
    private let scratch: Scratch
    private var folder: Directory { scratch.directory }

    /// Folders, files and links of every kind; `inside` is where paths begin, what is beside it must not be reached.
    init() throws {
        scratch = try Scratch()
        let folder = scratch.directory
        try folder.publish([7], as: "outside", temporary: ".t")
        let inside = try folder.directory("inside", createMode: 0o700)
        let deep = try inside.directory("deep", createMode: 0o700).directory("er", createMode: 0o700)
        try inside.publish([1], as: "file", temporary: ".t")
        try deep.publish([2], as: "file", temporary: ".t")
        try inside.makeFIFO("pipe")
        for (name, target) in [
            ("to-file", "file"), ("to-deep", "deep/er"), ("to-self", "to-self"), ("up", "deep/../file"),
            ("out", "../outside"), ("out-and-in", "../inside/file"), ("absolute", "/etc/passwd"),
            ("dangling", "nowhere"), ("to-link", "to-file"), ("slash", "deep/"), ("ring-a", "ring-b"),
            ("ring-b", "ring-a"),
        ] {
            try inside.symlink(FileName(name), to: FileName(target))
        }
        try deep.symlink("back", to: "../../file")
        try deep.symlink("too-far", to: "../../../outside")
    }

    /// What an attempt came to: the inode, or the kernel's reason.
    private func outcome(_ open: () throws -> OpenFile) -> String {
        do {
            return "inode \(try open().info().inode)"
        } catch let failure as SystemFailure {
            return "\(failure.errno)"
        } catch {
            return "\(error)"
        }
    }

    @Test("every path leads to the same file or to the same error as with openat2")
    func sameAsTheKernel() throws {
        let inside = try folder.directory("inside")
        let paths = [
            "file", "./file", "deep", "deep/", "deep//er/file", "deep/er/../../file", "deep/er/../..", ".", "..", "",
            "../outside", "../inside/file", "deep/../../inside/file", "/etc/passwd", "file/", "file/x", "file/..",
            "none", "none/x", "to-file", "to-deep", "to-deep/file", "to-deep/", "to-self", "to-self/x", "up", "out",
            "out-and-in", "absolute", "absolute/x", "dangling", "to-link", "slash", "slash/er/file", "ring-a",
            "deep/er/back", "deep/er/too-far", "to-deep/back", "to-deep/../file", "pipe",
            String(repeating: "n", count: 256), String(repeating: "deep/../", count: 100) + "file",
        ]
        for path in paths {
            for resolve in [Resolve.noLinks, .linksBeneath] {
                for access in [Access.read, .handle] {
                    let kernel = outcome { try inside.open(FileName(path), access, resolve: resolve) }
                    let walked = outcome { try inside.openWalking(FileName(path), access, resolve: resolve) }
                    #expect(walked == kernel, "\(path.prefix(40)), \(resolve), \(access)")
                }
            }
        }
    }

    @Test("files are made as with openat2, and never through a link that is not wanted")
    func creates() throws {
        let inside = try folder.directory("inside")
        try inside.openWalking("deep/new", .create, resolve: .noLinks).write(all: [3])
        #expect(try inside.open("deep/new", .read).read(limit: 9) == [3])
        for path: FileName in ["file", "to-file", "dangling", "to-deep/new", "out"] {
            let made = outcome { try inside.openWalking(path, .create, resolve: .noLinks) }
            let kernel = outcome { try inside.open(path, .create, resolve: .noLinks) }
            #expect(made == kernel && !made.hasPrefix("inode"), "\(path)")
        }
    }

    @Test("two hundred walks of every kind leave no descriptor behind")
    func leaksNothing() throws {
        let inside = try folder.directory("inside")
        let before = Host.openDescriptors
        for _ in 0..<200 {
            for path: FileName in ["deep/er/file", "deep/er/too-far", "deep/er/none", "deep/er/../../.."] {
                _ = outcome { try inside.openWalking(path, .read, resolve: .linksBeneath) }
            }
        }
        // Other tests of this process open files at the same time; a leak here would be hundreds.
        #expect(Host.openDescriptors < before + 100)
    }
}
