// Every setting that there is: one row each, with its key, what it takes, where it goes, its default and a sentence.
//
// This table is the only place where a key or a default is spelled. `etc/vizd.conf` is written from it (a test
// compares), the reader walks it, `check-config` prints by it. Keys are `group.name`; the order here is the order of
// the file.

enum SettingsTable {
    static let all: [Setting] =
        spool + wardrobe + storage + providers + runway + services + work + money + network + reporting

    /// Looks a row up by its key.
    static func setting(_ key: String) -> Setting? { byKey[key] }

    private static let byKey = Dictionary(uniqueKeysWithValues: all.map { ($0.key, $0) })

    /// The first words of all keys: what may stand alone on a line of the file, with more keys below it.
    static let groups = Set(all.map { String($0.key.prefix { $0 != "." }) }.filter { byKey[$0] == nil })

    private static let spool: [Setting] = [
        Setting(
            "spool.dir", .path, \.spool.directory, default: "/var/spool/vizd", restart: true,
            about: "Where requests are dropped (incoming/) and end (done/, failed/); all on one file system."),
        Setting(
            "spool.settle", .duration(.zero ... .seconds(3600)), \.spool.settle, default: "2",
            about: "How long a file that does not parse yet may stay unchanged before it is judged."),
        Setting(
            "spool.rescan", .duration(.seconds(1) ... .seconds(86_400)), \.spool.rescan, default: "60",
            about: "How often incoming/ is read through, for file systems that report no changes."),
        Setting(
            "spool.minFree", .size(0...(1 << 50)), \.spool.minFree, default: "64MiB", restart: true,
            about: "Below this much free space nothing is claimed and nothing is bought."),
        Setting(
            "spool.reserve", .size(0...(1 << 40)), \.spool.reserve, default: "16MiB", restart: true,
            about: "Held back for jobs in flight on each file system that vizd writes to."),
        Setting(
            "state.dir", .path, \.state.directory, default: "/var/lib/vizd", restart: true,
            about: "The journal (vizd.sqlite) and work in progress; to be kept and backed up with the spool."),
    ]

    private static let wardrobe: [Setting] = [
        Setting(
            "wardrobe.type", optional: .choice, \.wardrobe.chosenType, restart: true,
            about: "Where users' records and photos are: local or s3. Empty: the same as storage.type."),
        Setting(
            "wardrobe.root", .path, \.wardrobe.root, default: "wardrobe_photos", restart: true,
            about: "The folder of the wardrobe, one folder a user. A relative path starts where vizd was started."),
        Setting(
            "wardrobe.allowedHosts", .hosts, \.wardrobe.allowedHosts, default: "", restart: true,
            about: "Hosts from which photos given as https:// addresses may be fetched; the bucket's own always may."),
    ]

    private static let storage: [Setting] = [
        Setting(
            "storage.type", .choice, \.storage.type, default: "local", restart: true,
            about: "Where finished pictures are stored: local (below wardrobe.root) or s3."),
        Setting(
            "storage.publicBaseUrl", optional: .url(), \.storage.publicBaseURL, restart: true,
            about: "Put before a stored picture's key to make its address. Empty: the bucket's own address."),
        Setting("s3.bucketName", optional: .text(limit: 63), \.s3.bucketName, restart: true, about: "The bucket."),
        Setting("s3.region", .text(limit: 64), \.s3.region, default: "us-east-1", restart: true, about: "Its region."),
        Setting(
            "s3.endpoint", optional: .url(), \.s3.endpoint, restart: true,
            about: "The address of an S3 service other than Amazon's."),
        Setting(
            "s3.pathStyle", .flag, \.s3.pathStyle, default: "false", restart: true,
            about: "Whether the bucket is named in the path (https://host/bucket/key) and not in the host name."),
        Setting(
            secret: "s3.accessKeyId", \.s3.accessKeyID, alias: "AWS_ACCESS_KEY_ID", restart: true,
            about: "In the environment AWS_ACCESS_KEY_ID is read too."),
        Setting(fileOf: "s3.accessKeyId"),
        Setting(
            secret: "s3.secretAccessKey", \.s3.secretAccessKey, alias: "AWS_SECRET_ACCESS_KEY", restart: true,
            about: "In the environment AWS_SECRET_ACCESS_KEY is read too."),
        Setting(fileOf: "s3.secretAccessKey"),
        Setting(
            secret: "s3.sessionToken", \.s3.sessionToken, alias: "AWS_SESSION_TOKEN", restart: true,
            about: "Only for temporary credentials. In the environment AWS_SESSION_TOKEN is read too."),
        Setting(fileOf: "s3.sessionToken"),
    ]

    private static let providers: [Setting] = [
        Setting(
            "provider", optional: .word(of: providerNames), \.chosenProvider,
            about: """
                Who makes the picture when a request does not say: runway, flatlay, fashn, openai, bfl or exec.
                Empty: runway if it has a key, else flatlay (embedded, free). `vizd check-config` names those of \
                this version.
                """),
        Setting(
            "providers.fallback", .words(of: providerNames), \.fallback, default: "",
            about: """
                Who makes the picture instead while that provider is down, or refuses the key or the credit: the first \
                of these that takes orders and can make what is asked for, as [exec, flatlay]. Only for requests that \
                name no provider and no model, and never once something was, or may have been, paid for them.
                """),
    ]

    private static let providerNames = ["runway", "flatlay", "fashn", "openai", "bfl", "exec"]

    private static let runway: [Setting] = [
        Setting(secret: "runway.apiKey", \.runway.apiKey, about: "The key of your Runway account."),
        Setting(fileOf: "runway.apiKey"),
        Setting(
            "runway.baseUrl", .url(), \.runway.baseURL, default: "https://api.dev.runwayml.com",
            about: "The address of the Runway API."),
        Setting(
            "runway.model", .text(limit: 64), \.runway.model, default: "gen4_image", about: "The model that paints."),
        Setting(
            "runway.ratio", .ratio, \.runway.ratio, default: "1080:1440", about: "The size of the picture."),
        Setting(
            "runway.modelDescriptor", optional: .text(limit: 1000), \.runway.modelDescriptor,
            about: "Who wears the outfit, when neither the request nor the user's profile says."),
        Setting(
            "runway.videoModel", .text(limit: 64), \.runway.videoModel, default: "gen4_turbo",
            about: "The model that makes films (kind: video) of pictures."),
        Setting(
            "runway.videoDuration", .integer(1...60, unit: "seconds"), \.runway.videoDuration, default: "5",
            about: """
                How long a film is. A model named by a request that does not make this length makes the nearest one
                that it does.
                """),
        Setting(
            "runway.onLostResponse", .choice, \.runway.onLostResponse, default: "fail",
            about: """
                When a paid request was sent and its answer was lost: fail (submission_unknown, a person decides) or
                resubmit (once, counted twice in the budget).
                """),
        Setting(
            "runway.resubmitAfter", .duration(.zero ... .seconds(86_400)), \.runway.resubmitAfter, default: "120",
            about: "How long resubmit waits first."),
    ]

    private static let services: [Setting] = [
        Setting(secret: "fashn.apiKey", \.fashn.apiKey, about: "The key of your FASHN AI account."),
        Setting(fileOf: "fashn.apiKey"),
        Setting("fashn.baseUrl", .url(), \.fashn.baseURL, default: "https://api.fashn.ai", about: "Its address."),
        Setting(
            "fashn.model", .text(limit: 64), \.fashn.model, default: "product-to-model",
            about: "Its model: product-to-model, or tryon-max and tryon-v1.6 for requests that all have a person_image."
        ),
        Setting(
            "fashn.concurrent", .integer(1...1000, unit: "predictions"), \.fashn.concurrent, default: "6",
            about: "How many predictions may be under way there at once: what the account allows, or less."),
        Setting(secret: "openai.apiKey", \.openai.apiKey, about: "The key of your OpenAI account."),
        Setting(fileOf: "openai.apiKey"),
        Setting("openai.baseUrl", .url(), \.openai.baseURL, default: "https://api.openai.com", about: "Its address."),
        Setting("openai.model", .text(limit: 64), \.openai.model, default: "gpt-image-2", about: "Its model."),
        Setting(
            "openai.quality", .choice, \.openai.quality, default: "medium",
            about: "How much work a picture is, which its price hangs on most: low, medium or high."),
        Setting(
            "openai.organization", optional: .text(limit: 200), \.openai.organization,
            about: "The organisation that is charged, for a key that belongs to several."),
        Setting(
            "openai.project", optional: .text(limit: 200), \.openai.project,
            about: "The project that is charged, for a key that belongs to several."),
        // As many as transfers to one host may be under way: a call that waited for another's connection would stand in
        // the journal as one that was sent.
        Setting(
            "openai.concurrent", .integer(1...32, unit: "calls"), \.openai.concurrent, default: "8",
            about: "How many calls may be under way at once; each lasts as long as its picture takes."),
        Setting(secret: "bfl.apiKey", \.bfl.apiKey, about: "The key of your Black Forest Labs account."),
        Setting(fileOf: "bfl.apiKey"),
        Setting("bfl.baseUrl", .url(), \.bfl.baseURL, default: "https://api.bfl.ai", about: "Its address."),
        Setting(
            "bfl.model", .text(limit: 64), \.bfl.model, default: "flux-2-pro",
            about: "Its model: flux-2-pro, flux-2-max, flux-2-flex, flux-2-klein-9b or flux-2-klein-4b."),
        Setting(
            "bfl.concurrent", .integer(1...1000, unit: "tasks"), \.bfl.concurrent, default: "24",
            about: "How many tasks may be under way there at once: what the account allows, or less."),
        Setting(
            "exec.command", .command, \.exec.command, default: "",
            about: "A program of your own that makes pictures, with its arguments: [/usr/local/bin/paint, --fast]."),
        Setting(
            "exec.timeout", .duration(.seconds(1) ... .seconds(86_400)), \.exec.timeout, default: "10m",
            about: "How long one run of it may take; then it is ended with all that it started."),
        Setting(
            "exec.memory", .size((64 << 20)...(1 << 50)), \.exec.memory, default: "8GiB",
            about: "How much address space each of its processes may have; programs that use a GPU need far more."),
        Setting(
            "exec.outputBytes", .size(1024...(1 << 32)), \.exec.outputBytes, default: "64MiB",
            about: "The largest picture that is taken from it, and the largest file that it may write."),
        Setting(
            "exec.concurrent", .integer(1...1000, unit: "runs"), \.exec.concurrent, default: "2",
            about: "How many runs of it there may be at once."),
    ]

    private static let work: [Setting] = [
        Setting(
            "poll.initial", optional: .duration(.zero ... .seconds(3600)), \.poll.initial,
            about: "How long to wait before a provider is first asked. Empty: learned from what it has lately taken."),
        Setting(
            "poll.interval", .duration(.milliseconds(100) ... .seconds(3600)), \.poll.interval, default: "5",
            about: "How long to wait between two questions after that."),
        Setting(
            "limits.inFlight", .integer(1...100_000, unit: "jobs"), \.limits.inFlight, default: "64",
            about: "How many jobs are worked on at once."),
        Setting(
            "limits.perUser", .integer(1...100_000, unit: "jobs"), \.limits.perUser, default: "16",
            about: "How many of one user's."),
        Setting(
            "limits.queuedPerUser", optional: .integer(1...100_000_000, unit: "requests"), \.limits.queuedPerUser,
            about: "How many requests of one user may wait. Empty: no limit."),
        Setting(
            "limits.requestBytes", .size(1024...(64 << 20)), \.limits.requestBytes, default: "1MiB",
            about: "The largest request file."),
        Setting(
            "limits.imageBytes", .size(1024...(1 << 32)), \.limits.imageBytes, default: "50MiB", restart: true,
            about: "The largest photo of a garment."),
        Setting(
            "limits.imagePixels", .integer(1...1_000_000_000, unit: "pixels"), \.limits.imagePixels,
            default: "100000000", restart: true,
            about: "Its most pixels (width times height), checked before it is decoded."),
        Setting(
            "limits.downloadBytes", .size(1024...(1 << 32)), \.limits.downloadBytes, default: "64MiB",
            about: "The largest picture that is fetched from a provider."),
        Setting(
            "limits.jobDeadline", .duration(.seconds(1) ... .seconds(7 * 86_400)), \.limits.jobDeadline, default: "15m",
            about: "How long a job may take, from its first submission."),
    ]

    private static let money: [Setting] = [
        Setting(
            "budget.perUserMonthly", optional: .dollars, \.budget.perUserMonthly,
            about: "What one user may cost in a calendar month (UTC). Empty: no limit."),
        Setting(
            "budget.monthly", optional: .dollars, \.budget.monthly,
            about: "What all users together may cost in a calendar month (UTC). Empty: no limit."),
        Setting(
            "budget.perRequest", optional: .dollars, \.budget.perRequest,
            about: "What one request may cost. Empty: no limit."),
        Setting(
            "budget.recheckAfter", .duration(.seconds(1) ... .seconds(86_400)), \.budget.recheckAfter, default: "5m",
            about: """
                How long after the end of a task a price that may still change (a refund, a price that was not told)
                is read once more.
                """),
        Setting(
            "retention.done", optional: .days, \.retention.done,
            about: "How long done/ keeps a request and its result. Empty: for ever."),
        Setting(
            "retention.failed", optional: .days, \.retention.failed,
            about: "How long failed/ keeps a request and its result. Empty: for ever."),
    ]

    private static let network: [Setting] = [
        Setting(
            "http.allowInsecure", .hostsWithPorts, \.http.allowInsecure, default: "", restart: true,
            about: """
                host:port pairs that may be spoken to without TLS and may lie in private networks; for tests and
                gateways on this machine.
                """),
        Setting(
            "http.caFile", optional: .path, \.http.caFile, restart: true,
            about: "A PEM file of the certificate authorities that are trusted. Empty: the system's."),
        Setting(
            "http.proxy", optional: .url(credentials: true), \.http.proxy, restart: true,
            about: "The proxy for everything that goes out. Empty: none, whatever the environment says."),
        Setting(
            "http.stall", .duration(.seconds(1) ... .seconds(3600)), \.http.stall, default: "20",
            about: "A transfer without a byte for this long is broken off and tried again."),
    ]

    private static let reporting: [Setting] = [
        Setting(
            "log.level", .choice, \.log.level, default: "info",
            about: "The least that is logged: trace, debug, info, notice, warning, error or critical."),
        Setting(
            "log.format", .choice, \.log.format, default: "text", restart: true,
            about: "text (for people), json (one object a line) or journald (for systemd)."),
        Setting(
            "metrics.file", optional: .path, \.metrics.file,
            about: """
                A Prometheus text file for node_exporter's textfile collector; its name ends in .prom. Replaced every \
                10 seconds while something moves, else once a minute. Under systemd: /run/vizd/vizd.prom. Empty: none.
                """),
    ]
}
