// A request spelled out as options of `submit`, and the bytes of one that came as a file. Either way it is checked
// by the contract before it goes anywhere, so that what can be known to fail is said here and now.

internal import ArgumentParser
internal import Contract
internal import Linux
internal import Spool

extension Priority: ExpressibleByArgument {}

extension PictureKind: ExpressibleByArgument {}

/// A span of time on the command line: `90`, `20s`, `5m`.
struct TimeArgument: ExpressibleByArgument {
    let duration: Duration

    init?(argument: String) {
        guard let duration = TimeSpan.parse(argument) else { return nil }
        self.duration = duration
    }
}

struct RequestOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Whose wardrobe.", valueName: "id"))
    var user: String?

    @Option(help: ArgumentHelp("The saved outfit.", valueName: "id"))
    var outfit: String?

    @Flag(help: "Delete the outfit's stored pictures, and what its record says of them.")
    var delete = false

    @Flag(help: "Put --model-descriptor into the user's profile; an empty one removes it.")
    var setProfile = false

    @Option(help: ArgumentHelp("Extra directions for the picture.", valueName: "text"))
    var prompt: String?

    @Option(help: ArgumentHelp("Who wears the outfit.", valueName: "text"))
    var modelDescriptor: String?

    @Option(help: ArgumentHelp("Who makes the picture, in place of the configured provider.", valueName: "name"))
    var provider: String?

    @Option(help: ArgumentHelp("The picture's proportions, such as 1080:1440.", valueName: "w:h"))
    var ratio: String?

    @Option(help: ArgumentHelp("The provider's random seed.", valueName: "number"))
    var seed: UInt32?

    @Option(help: "A picture, or a film (video) of the picture that is stored.")
    var kind: PictureKind?

    @Option(help: "How soon it is taken.")
    var priority: Priority?

    @Flag(help: "Make a new picture even if the outfit has not changed since the last one.")
    var regenerate = false

    @Option(
        help: ArgumentHelp("Give up if it is not begun by then, as 2026-11-24T18:00:00Z.", valueName: "time"))
    var notAfter: String?

    @Option(help: ArgumentHelp("A JSON object that the result repeats.", valueName: "json"))
    var metadata: String?

    /// Whether any of them was given.
    var isEmpty: Bool {
        let texts = [user, outfit, prompt, modelDescriptor, provider, ratio, notAfter, metadata]
        return texts.allSatisfy { $0 == nil } && seed == nil && kind == nil && priority == nil && !regenerate && !delete
            && !setProfile
    }

    /// The request as a file.
    func encoded() throws -> [UInt8] {
        guard let user else { throw ValidationError("Say whose outfit it is with --user, or name a request file.") }
        if delete && setProfile { throw ValidationError("A request is one thing: --delete or --set-profile.") }
        guard outfit != nil || setProfile else {
            throw ValidationError("Say which saved outfit with --outfit, or name a request file.")
        }
        guard modelDescriptor != nil || !setProfile else {
            throw ValidationError("Say what the profile is to say with --model-descriptor; an empty one removes it.")
        }
        var request = JobRequest(userID: user)
        request.action = delete ? .delete : setProfile ? .setProfile : .visualize
        request.outfitID = outfit
        request.prompt = prompt
        request.modelDescriptor = modelDescriptor
        request.provider = provider
        request.seed = seed
        request.kind = kind ?? .image
        request.priority = priority ?? .normal
        request.regenerate = regenerate
        request.ratio = try ratio.map(Self.readRatio)
        request.notAfter = try notAfter.map(Self.readTime)
        request.metadata = try metadata.map(Self.readObject)
        return request.encode()
    }

    private static func readRatio(_ text: String) throws -> Ratio {
        guard let ratio = Ratio(text) else { throw ValidationError("--ratio takes width:height, such as 1080:1440.") }
        return ratio
    }

    private static func readTime(_ text: String) throws -> Timestamp {
        guard let time = Timestamp(rfc3339: text) else {
            throw ValidationError("--not-after takes a time such as 2026-11-24T18:00:00Z or 2026-11-24T19:00:00+01:00.")
        }
        return time
    }

    private static func readObject(_ text: String) throws -> [UInt8] {
        do throws(JSONFault) {
            let document = try JSONDocument(parsing: Array(text.utf8))
            if case .object = document.root.value { return document.source }
        } catch {
            throw ValidationError("--metadata is not JSON: \(error.message)")
        }
        throw ValidationError("--metadata takes a JSON object, such as '{\"order\": 7}'.")
    }
}

enum RequestSource {
    /// The bytes of a request file; "-" is standard input.
    static func read(_ path: String, limit: Int) throws(CommandFailure) -> [UInt8] {
        let name = path == "-" ? "standard input" : path
        do throws(SystemFailure) {
            return try (path == "-" ? OpenFile.standard(0) : Host.openFile(path)).readToEnd(limit: limit)
        } catch  where error.errno == .tooLarge {
            throw CommandFailure(
                .usage, "The request in \(shown(name)) is larger than \(ByteSize.text(limit)) (limits.requestBytes).")
        } catch {
            throw CommandFailure(.usage, "The request in \(shown(name)) cannot be read: \(error.errno.text).")
        }
    }

    /// Refuses what vizd would refuse, with every problem. `name` is the job's, where it was chosen.
    static func check(_ bytes: [UInt8], name: String? = nil) throws(CommandFailure) {
        let request: JobRequest
        do throws(RequestFault) {
            request = try JobRequest.decode(bytes)
        } catch {
            let details = error.details.map {
                "\n  " + shown($0.path.isEmpty ? $0.message : "\($0.path): \($0.message)")
            }
            let message = details.isEmpty ? shown(error.message) : "These are its problems:" + details.joined()
            throw CommandFailure(
                .usage, "The request is not valid (\(error.code.rawValue)) and was not submitted. \(message)")
        }
        if let name, !request.outfitIDs.isEmpty, name.utf8.count > JobName.batchLimit {
            throw CommandFailure(
                .usage,
                "The name of a batch has at most \(JobName.batchLimit) bytes, and --name has \(name.utf8.count). "
                    + "It was not submitted.")
        }
    }
}
