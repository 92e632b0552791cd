// `vizd gallery`: the latest pictures and failures as one page for a browser.

internal import ArgumentParser
internal import Contract
internal import Imaging
internal import Linux
internal import Spool

extension GalleryFilter.State: ExpressibleByArgument {}

struct Gallery: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a page with the latest pictures: prompt, cost and outcome of each.",
        discussion: """
            One file for a browser, with thumbnails in it; it fetches nothing and works without a network. Search, \
            filters, dark colours and keys are in it (? shows them). Thumbnails are made of pictures of the local \
            wardrobe that are still those of the job, a film's of the picture that it was made of; what is in a \
            bucket is a link. The page shows people: it is \
            readable for its owner and group only, as far as the umask admits. It reads the spool as `list` does and \
            needs no running vizd.

            Examples:
              vizd gallery
              vizd gallery --user peichin --since 7d --out /srv/www/peichin.html
              vizd gallery --state failed --limit 50

            Exit status: 0, 64 usage, 73 the spool cannot be read or the page not be written, 78 configuration.
            """)

    @Option(help: ArgumentHelp("The page; one that is there is replaced.", valueName: "file"))
    var out = "gallery.html"

    @Option(help: ArgumentHelp("Only this user's.", valueName: "user"))
    var user: String?

    @Option(help: "Only those that are complete, or failed.")
    var state: GalleryFilter.State?

    @Option(
        help: ArgumentHelp(
            "Only those that ended since then: 12h, 7d, 2026-11-24 or 2026-11-24T18:00:00Z.", valueName: "time"))
    var since: SinceArgument?

    @Option(help: ArgumentHelp("At most so many.", valueName: "number"))
    var limit = 200

    @OptionGroup var config: ConfigOption

    func validate() throws {
        guard (1...2000).contains(limit) else { throw ValidationError("--limit takes a number from 1 to 2000.") }
        if out.isEmpty || out.hasSuffix("/") { throw ValidationError("--out takes the name of a file.") }
    }

    private static let keys = [
        "spool.dir", "limits.requestBytes", "wardrobe.root", "limits.imageBytes", "limits.imagePixels",
    ]

    func run() throws {
        try ending {
            let settings = try config.settings(only: Gallery.keys)
            let now = WallClock.now()
            let filter = GalleryFilter(user: user, state: state, since: since?.moment(before: now), limit: limit)
            let target = try PageFile(path: out)
            var collection = try GalleryCollection(of: SpoolReader(path: settings.spool.directory), filter)
            collection.entries = try Gallery.adorned(collection.entries, settings)
            let page = GalleryPage(
                collection: collection, filter: filter, made: Timestamp(nanoseconds: now), version: Version.text)
            let bytes = page.bytes
            try target.write(bytes)
            Terminal.write(collection.notes.map { "vizd: \($0)\n" }.joined(), to: 2)
            Surroundings.print(Gallery.summary(collection.entries, path: out, size: bytes.count))
            return .success
        }
    }

    /// The entries with thumbnails. The workers live for this command alone.
    private static func adorned(_ entries: [GalleryEntry], _ settings: Settings) throws -> [GalleryEntry] {
        if !entries.contains(where: \.isComplete) { return entries }
        var limits = ImageLimits()
        (limits.bytes, limits.pixels) = (settings.limits.imageBytes, settings.limits.imagePixels)
        let workers = try ImageWorkers(
            executable: Host.programFolder() + "/vizd-image", workers: min(4, Host.processors), limits: limits)
        let thumbnails = GalleryThumbnails(
            root: try wardrobe(settings.wardrobe.root), workers: workers, limit: settings.limits.imageBytes)
        let answer = Monitor<[GalleryEntry]?>(nil)
        Task {
            let entries = await thumbnails.adorn(entries)
            await workers.shutdown()
            answer.change { $0 = entries }
        }
        return answer.wait { $0 } ?? entries
    }

    /// The wardrobe's root, where there is one that this user may enter.
    private static func wardrobe(_ root: String) throws(SystemFailure) -> Directory? {
        do throws(SystemFailure) {
            var path = root.hasPrefix("/") ? root : try Host.workingFolder() + "/" + root
            while path.count > 1, path.hasSuffix("/") { path.removeLast() }
            return try Directory(path: path)
        } catch  where [.notFound, .accessDenied, .notDirectory].contains(error.errno) {
            return nil
        }
    }

    /// `gallery.html: 38 pictures, 36 with a thumbnail, 2 failed; 3.1 MiB`.
    static func summary(_ entries: [GalleryEntry], path: String, size: Int) -> String {
        let thumbnails = entries.count { entry in
            guard case .picture(let picture) = entry.face, case .jpeg = picture.thumbnail else { return false }
            return true
        }
        let pictures = entries.count(where: \.isComplete)
        let size =
            size < 1 << 20
            ? "\(max(1, size >> 10)) KiB" : FixedPoint.text((size * 10 + (1 << 19)) >> 20, decimals: 1) + " MiB"
        return "\(shown(path)): \(pictures) \(pictures == 1 ? "picture" : "pictures"), \(thumbnails) with a thumbnail, "
            + "\(entries.count - pictures) failed; \(size)\n"
    }
}

/// A moment on the command line: a span of time that ends now, a day (UTC), or a moment.
enum SinceArgument: ExpressibleByArgument, Equatable {
    case ago(Int64)
    case moment(Int64)

    init?(argument: String) {
        if let moment = Timestamp(rfc3339: argument) ?? Timestamp(rfc3339: argument + "T00:00:00Z") {
            self = .moment(moment.nanoseconds)
        } else if argument.hasSuffix("d"), let days = Int64(argument.dropLast()), (0...36_500).contains(days) {
            self = .ago(days * 86_400_000_000_000)
        } else if let span = TimeSpan.parse(argument) {
            self = .ago(span.nanoseconds)
        } else {
            return nil
        }
    }

    func moment(before now: Int64) -> Int64 {
        switch self {
        case .ago(let span): now - span
        case .moment(let moment): moment
        }
    }
}

/// The place of a page, looked at before there is any work: whole or not at all, and never through somebody's link.
private struct PageFile {
    private let folder: Directory
    private let name: FileName

    init(path: String) throws(CommandFailure) {
        let slash = path.lastIndex(of: "/")
        let place = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        name = FileName(slash.map { String(path[path.index(after: $0)...]) } ?? path)
        do throws(SystemFailure) {
            folder = try Directory(path: place)
            if let there = try folder.infoIfPresent(of: name), ![.regular, .symlink].contains(there.kind) {
                throw SystemFailure(call: "rename", errno: .exists, subject: there.kind.phrase)
            }
        } catch {
            throw PageFile.failure(path, error)
        }
        self.path = path
    }

    private let path: String

    /// Written aside and renamed, so that nobody sees half a page. A link of that name is replaced, not followed.
    func write(_ bytes: [UInt8]) throws(CommandFailure) {
        let aside = FileName(bytes: Array(".vizd-gallery.\(Random.hex(bytes: 4)).tmp".utf8))
        do throws(SystemFailure) {
            try folder.publish(bytes, as: name, temporary: aside, mode: 0o640, durable: false)
        } catch {
            throw PageFile.failure(path, error)
        }
    }

    private static func failure(_ path: String, _ error: SystemFailure) -> CommandFailure {
        let why = error.errno == .exists ? "\(error.subject) has this name" : error.errno.text
        return CommandFailure(
            .cannotCreate, "The page \(shown(path)) cannot be written: \(why). Name another with --out.")
    }
}
