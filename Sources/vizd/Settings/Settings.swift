// What vizd was told, as plain values: read once, checked, never changed afterwards. A SIGHUP makes a new one.
//
// Every member is filled from its row in `SettingsTable`; the values written here are placeholders that a test
// proves to be overwritten. Paths are as given; sizes are bytes, money is millionths of a US dollar, ratios are pixels.

internal import Contract
internal import Logging
internal import Providers

struct Settings: Sendable, Equatable {
    var spool = Spool()
    var state = State()
    var wardrobe = Wardrobe()
    var storage = Storage()
    var s3 = S3()
    /// As configured; `provider` is what follows from it.
    var chosenProvider: String?
    /// The provider of a request that names none.
    var provider = ""
    /// Providers that serve while that one takes no orders, in order.
    var fallback: [String] = []
    var runway = Runway()
    var fashn = Service()
    var openai = OpenAI()
    var bfl = Service()
    var exec = Exec()
    var poll = Poll()
    var limits = Limits()
    var budget = Budget()
    var retention = Retention()
    var http = HTTP()
    var log = Log()
    var metrics = Metrics()

    struct Spool: Sendable, Equatable {
        var directory = ""
        /// How long a file that does not parse yet is given before it is judged.
        var settle = Duration.zero
        var rescan = Duration.zero
        /// Bytes; below it nothing is claimed or bought.
        var minFree = 0
        /// Bytes held back for jobs in flight on each file system that is written to.
        var reserve = 0
    }

    struct State: Sendable, Equatable {
        var directory = ""
    }

    struct Wardrobe: Sendable, Equatable {
        /// Where the records are; nil is where the pictures go.
        var chosenType: StorageType?
        var root = ""
        var allowedHosts: [String] = []
    }

    struct Storage: Sendable, Equatable {
        var type = StorageType.local
        var publicBaseURL: String?
    }

    struct S3: Sendable, Equatable {
        var bucketName: String?
        var region = ""
        var endpoint: String?
        var pathStyle = false
        var accessKeyID: Secret?
        var secretAccessKey: Secret?
        var sessionToken: Secret?
    }

    struct Runway: Sendable, Equatable {
        var apiKey: Secret?
        var baseURL = ""
        var model = ""
        var ratio = Ratio("1:1") ?? { preconditionFailure("1:1 is a ratio") }()
        var modelDescriptor: String?
        var videoModel = ""
        /// Seconds.
        var videoDuration = 0
        var onLostResponse = LostResponse.fail
        var resubmitAfter = Duration.zero
    }

    /// A hosted provider of which no more than this needs to be known.
    struct Service: Sendable, Equatable {
        var apiKey: Secret?
        var baseURL = ""
        var model = ""
        /// Tasks at once.
        var concurrent = 0
    }

    struct OpenAI: Sendable, Equatable {
        var apiKey: Secret?
        var baseURL = ""
        var model = ""
        var quality = OpenAIQuality.medium
        var organization: String?
        var project: String?
        /// Calls at once.
        var concurrent = 0
    }

    struct Exec: Sendable, Equatable {
        /// The program, then its arguments; empty is none.
        var command: [String] = []
        var timeout = Duration.zero
        /// Bytes of address space of each of its processes.
        var memory = 0
        /// Bytes of the picture, and of each file that it writes.
        var outputBytes = 0
        /// Runs at once.
        var concurrent = 0
    }

    struct Poll: Sendable, Equatable {
        /// The wait before the first poll; nil is learned from what the provider has lately taken.
        var initial: Duration?
        var interval = Duration.zero
    }

    struct Limits: Sendable, Equatable {
        var inFlight = 0
        var perUser = 0
        /// Nil is no limit.
        var queuedPerUser: Int?
        var requestBytes = 0
        var imageBytes = 0
        var imagePixels = 0
        var downloadBytes = 0
        var jobDeadline = Duration.zero
    }

    /// Millionths of a US dollar; nil is no limit.
    struct Budget: Sendable, Equatable {
        var perUserMonthly: Int?
        var monthly: Int?
        var perRequest: Int?
        /// From the end of a task until a figure that may still change is read once more.
        var recheckAfter = Duration.zero
    }

    /// Nil keeps for ever.
    struct Retention: Sendable, Equatable {
        var done: Duration?
        var failed: Duration?
    }

    struct HTTP: Sendable, Equatable {
        /// `host:port` that may be spoken to without TLS.
        var allowInsecure: [String] = []
        var proxy: String?
        /// A PEM file of the authorities that are trusted; nil for the system's.
        var caFile: String?
        /// A transfer without a byte for this long is broken off.
        var stall = Duration.zero
    }

    struct Log: Sendable, Equatable {
        var level = Logger.Level.info
        var format = LogFormat.text
    }

    struct Metrics: Sendable, Equatable {
        var file: String?
    }

    /// Where the records of the wardrobe are.
    var wardrobeType: StorageType { wardrobe.chosenType ?? storage.type }

    /// Whether anything is kept in a bucket.
    var usesS3: Bool { storage.type == .s3 || wardrobeType == .s3 }

    /// Every secret that is set: what the log must never say.
    var secrets: [Secret] {
        let all = [
            runway.apiKey, fashn.apiKey, openai.apiKey, bfl.apiKey, s3.accessKeyID, s3.secretAccessKey, s3.sessionToken,
            http.proxy.flatMap(WebAddress.password(in:)).map { Secret($0) },
        ]
        return all.compactMap { $0 }
    }
}

enum StorageType: String, Sendable, CaseIterable {
    case local, s3
}

/// What to do when a paid request was sent and its answer was lost.
enum LostResponse: String, Sendable, CaseIterable {
    case fail, resubmit
}

enum LogFormat: String, Sendable, CaseIterable {
    case text, json, journald
}
