// Reads the settings: environment, then systemd credential, then key file, then vizd.conf, then the default.
//
// Every setting is looked for in that order; who answers first wins, and its name goes into every message about the
// value. Reading never stops at the first problem, and ends in settings or in all the problems, never in both.
// What the loader touches of the world comes in as `SettingsWorld`.

internal import Contract
internal import Providers

/// What the loader may see of the machine.
struct SettingsWorld: Sendable {
    enum Reading: Sendable, Equatable {
        case contents([UInt8])
        case absent
        /// A sentence that says why not.
        case unreadable(String)
    }

    let environment: [String: String]
    /// `$CREDENTIALS_DIRECTORY`, where systemd puts the service's credentials.
    let credentialsDirectory: String?
    let read: @Sendable (_ path: String) -> Reading
    /// Why a path names nothing that could be executed, as a clause; nil where it does.
    var cannotExecute: @Sendable (_ path: String) -> String? = { _ in nil }

    init(
        environment: [String: String], credentialsDirectory: String?,
        read: @escaping @Sendable (_ path: String) -> Reading
    ) {
        self.environment = environment
        self.credentialsDirectory = credentialsDirectory
        self.read = read
    }
}

/// What this version can do; a setting that asks for more is a problem.
struct Capabilities: Sendable {
    let providers: [String]
    var storageTypes: [StorageType]
}

struct LoadedSettings: Sendable {
    /// Nil when there are problems.
    let settings: Settings?
    let problems: [SettingsProblem]
    /// Sentences about what was read and has no effect.
    let notices: [String]
    let effective: [EffectiveSetting]
    /// The configuration file that was read, if there is one.
    let file: String?

    /// The keys whose values differ from `earlier`, in the table's order.
    func changes(since earlier: LoadedSettings) -> [Setting] {
        let before = Dictionary(uniqueKeysWithValues: earlier.effective.map { ($0.key, $0.value) })
        return effective.filter { before[$0.key] != $0.value }.compactMap { SettingsTable.setting($0.key) }
    }
}

struct SettingsLoader {
    static let standardFile = "/etc/vizd/vizd.conf"
    /// Who makes the pictures where nobody says: with its key, and without.
    private static let (preferred, embedded) = ("runway", "flatlay")

    private let world: SettingsWorld
    private let capabilities: Capabilities
    private var layers = SettingsLayers()
    private var settings = Settings()
    private var problems: [SettingsProblem] = []
    private var notices: [String] = []
    private var effective: [EffectiveSetting] = []
    private var sources: [String: SettingsSource] = [:]
    private var file: String?

    /// Reads everything. `path` is what `--config` said; else `$VIZD_CONFIG`, else the standard file, else defaults.
    static func load(path: String?, world: SettingsWorld, capabilities: Capabilities) -> LoadedSettings {
        var loader = SettingsLoader(world: world, capabilities: capabilities)
        loader.readFile(path, reportingItsProblems: true)
        loader.noticeStrayVariables()
        for setting in SettingsTable.all { loader.read(setting) }
        loader.chooseProvider()
        loader.checkFallback()
        loader.checkRunway()
        loader.checkService("fashn", "FASHN AI", loader.settings.fashn, models: Fashn.modelNames)
        loader.checkService("bfl", "Black Forest Labs", loader.settings.bfl, models: BFL.modelNames)
        loader.checkOpenAI()
        loader.checkExec()
        loader.checkStorage()
        loader.checkMetrics()
        loader.noticeIdleSettings()
        return loader.loaded
    }

    /// Reads only `keys`, for a command that needs no more: somebody who may drop a request need not be able to read
    /// the daemon's keys, nor care for a mistake in a setting that is none of theirs.
    static func load(only keys: [String], path: String?, world: SettingsWorld) -> LoadedSettings {
        var loader = SettingsLoader(world: world, capabilities: Capabilities(providers: [], storageTypes: []))
        loader.readFile(path, reportingItsProblems: false)
        for setting in SettingsTable.all where keys.contains(setting.key) { loader.read(setting) }
        return loader.loaded
    }

    private init(world: SettingsWorld, capabilities: Capabilities) {
        self.world = world
        self.capabilities = capabilities
        layers.environment(world.environment)
    }

    private var loaded: LoadedSettings {
        LoadedSettings(
            settings: problems.isEmpty ? settings : nil, problems: problems,
            notices: notices.map { printable($0, limit: .max) }, effective: effective, file: file)
    }

    private mutating func readFile(_ given: String?, reportingItsProblems: Bool) {
        let named = given ?? world.environment["VIZD_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
        let path = named ?? Self.standardFile
        let whole = SettingsSource.file(path: path, line: nil)
        switch world.read(path) {
        case .contents(let bytes):
            file = path
            let parsed = ConfigurationFile(bytes)
            layers.file(parsed, path: path)
            for problem in parsed.problems where reportingItsProblems || problem.key == nil {
                let source = SettingsSource.file(path: path, line: problem.line)
                problems.append(SettingsProblem(key: problem.key, source: source, sentence: problem.sentence))
            }
        case .absent where named == nil:
            break
        case .absent:
            let sentence = "There is no such configuration file; create it, or name another with --config."
            problems.append(SettingsProblem(key: nil, source: whole, sentence: sentence))
        case .unreadable(let why):
            let sentence = "The configuration file cannot be read: \(why)"
            problems.append(SettingsProblem(key: nil, source: whole, sentence: sentence))
        }
    }

    /// A variable that starts with VIZD_ and names no setting is only noticed: container platforms put variables of
    /// their own making (VIZD_SERVICE_HOST) into the environment of a service called vizd.
    private mutating func noticeStrayVariables() {
        let known = Dictionary(
            SettingsTable.all.compactMap { setting in layers.variable(of: setting).map { ($0, setting.key) } },
            uniquingKeysWith: { first, _ in first })
        for name in world.environment.keys.sorted()
        where name.hasPrefix("VIZD_") && name != "VIZD_CONFIG" && known[name] == nil {
            let nearest = nearestWord(to: name, among: Array(known.keys).sorted())
            let hint = nearest.map { "; did you mean \($0)?" } ?? "."
            notices.append("The environment variable \(name) names no setting and is ignored\(hint)")
        }
    }

    private mutating func read(_ setting: Setting) {
        switch find(setting) {
        case .value(let raw, let source): take(raw, for: setting, from: source)
        case .problem(let sentence, let source): report(setting, sentence, source)
        case .nothing: take(setting.fallbackValue, for: setting, from: .builtIn)
        }
    }

    private func find(_ setting: Setting) -> SettingsFinding {
        var found = layers.ask(.environment, setting)
        if case .nothing = found, setting.isSecret { found = credential(setting) }
        if case .nothing = found, setting.isSecret { found = keyFile(setting) }
        if case .nothing = found { found = layers.ask(.file, setting) }
        return found
    }

    private func credential(_ setting: Setting) -> SettingsFinding {
        guard let folder = world.credentialsDirectory, !folder.isEmpty else { return .nothing }
        let path = folder + "/" + setting.key.replacing(".", with: "-")
        let source = SettingsSource.credential(path: path)
        switch world.read(path) {
        case .contents(let bytes): return secretText(bytes, source)
        case .absent: return .nothing
        case .unreadable(let why): return .problem("The credential cannot be read: \(why)", source)
        }
    }

    private func keyFile(_ setting: Setting) -> SettingsFinding {
        guard let row = SettingsTable.setting(setting.key + "File"), case .value(let raw, _) = find(row),
            case .text(let path) = raw
        else { return .nothing }
        let source = SettingsSource.keyFile(path: path)
        switch world.read(path) {
        case .contents(let bytes): return secretText(bytes, source)
        case .absent: return .problem("There is no such key file; create it or take \(row.key) out.", source)
        case .unreadable(let why): return .problem("The key file cannot be read: \(why)", source)
        }
    }

    private func secretText(_ bytes: [UInt8], _ source: SettingsSource) -> SettingsFinding {
        guard let text = String(validating: bytes, as: UTF8.self)?.trimmed, !text.isEmpty else {
            return .problem("The file is empty or not text; it must hold the key and nothing else.", source)
        }
        return .value(.text(String(text)), source)
    }

    private mutating func take(_ raw: RawValue, for setting: Setting, from source: SettingsSource) {
        sources[setting.key] = source
        guard raw.isEmpty || setting.store(raw, in: &settings) else {
            let shown = setting.isSecret ? "What it is set to" : "“\(Self.shown(raw, of: setting))”"
            return report(setting, "\(shown) is not what it takes: \(setting.allowed).", source)
        }
        let display = raw.isEmpty ? "" : setting.isSecret ? "(secret)" : Self.shown(raw, of: setting)
        let value = Secret(raw.display)
        effective.append(EffectiveSetting(key: setting.key, display: display, source: source, value: value))
    }

    private static func shown(_ raw: RawValue, of setting: Setting) -> String {
        setting.isAddress ? WebAddress.withoutLogin(raw.display) : raw.display
    }

    private mutating func report(_ setting: Setting, _ sentence: String, _ source: SettingsSource) {
        problems.append(SettingsProblem(key: setting.key, source: source, sentence: sentence))
    }

    private mutating func chooseProvider() {
        let exist = capabilities.providers
        let available = exist.joined(separator: ", ")
        if let chosen = settings.chosenProvider {
            settings.provider = chosen
            guard exist.contains(chosen) else {
                let sentence = "“\(chosen)” is not in this version of vizd; its providers are: \(available)."
                return reportCheck("provider", sentence)
            }
            if let key = keyMissing(for: chosen) {
                reportCheck(
                    "provider", "“\(chosen)” needs \(key), which is not set; set it or choose another provider.")
            }
        } else if settings.runway.apiKey != nil, exist.contains(SettingsLoader.preferred) {
            settings.provider = SettingsLoader.preferred
        } else {
            settings.provider = SettingsLoader.embedded
            guard settings.runway.apiKey != nil else { return }
            notices.append(
                "runway.apiKey is set, but the provider runway is not in this version of vizd (it has: \(available)); "
                    + "flatlay makes the pictures.")
        }
    }

    /// A fallback that could never serve is a mistake that would be noticed in the middle of an outage.
    private mutating func checkFallback() {
        var seen: Set<String> = []
        for name in settings.fallback {
            if name == settings.provider {
                reportCheck(
                    "providers.fallback", "“\(name)” is the provider itself, and cannot stand in for it; leave it out.")
            } else if !seen.insert(name).inserted {
                reportCheck("providers.fallback", "“\(name)” is there twice; leave one out.")
            } else if !capabilities.providers.contains(name) {
                let available = capabilities.providers.joined(separator: ", ")
                reportCheck(
                    "providers.fallback", "“\(name)” is not in this version of vizd; its providers are: \(available).")
            } else if let key = keyMissing(for: name) {
                reportCheck("providers.fallback", "“\(name)” needs \(key), which is not set; set it or leave it out.")
            }
        }
    }

    private func keyMissing(for provider: String) -> String? {
        let needs: [String: (key: String, isSet: Bool)] = [
            "runway": ("runway.apiKey", settings.runway.apiKey != nil),
            "fashn": ("fashn.apiKey", settings.fashn.apiKey != nil),
            "openai": ("openai.apiKey", settings.openai.apiKey != nil),
            "bfl": ("bfl.apiKey", settings.bfl.apiKey != nil),
            "exec": ("exec.command", !settings.exec.command.isEmpty),
        ]
        return needs[provider].flatMap { $0.isSet ? nil : $0.key }
    }

    /// A model, a size or an address that would only fail with the first paid order.
    private mutating func checkRunway() {
        let runway = settings.runway
        checkFilms()
        // What does not even have the form of a ratio is told already.
        let isRatioSaid =
            (sources["runway.ratio"] ?? .builtIn) != .builtIn && !problems.contains { $0.key == "runway.ratio" }
        guard let sizes = Runway.sizes(of: runway.model) else {
            let nearest = nearestWord(to: runway.model, among: Runway.modelNames).map { "; did you mean \($0)?" } ?? "."
            return reportCheck(
                "runway.model",
                "Runway has no image model “\(runway.model)”\(nearest) It has: "
                    + Runway.modelNames.joined(separator: ", ") + ".")
        }
        if isRatioSaid, !sizes.admits(PixelSize(runway.ratio)) {
            reportCheck(
                "runway.ratio",
                "“\(PixelSize(runway.ratio))” is no size of \(runway.model), which makes \(sizes.phrase).")
        }
        checkAddress(of: "runway", runway.baseURL, runway.apiKey)
    }

    /// The same for a service of which no more than this needs to be known.
    private mutating func checkService(_ id: String, _ name: String, _ service: Settings.Service, models: [String]) {
        if !models.contains(service.model) {
            let nearest = nearestWord(to: service.model, among: models).map { "; did you mean \($0)?" } ?? "."
            reportCheck(
                "\(id).model",
                "\(name) has no model “\(service.model)” that vizd can order from\(nearest) It has: "
                    + models.joined(separator: ", ") + ".")
        }
        checkAddress(of: id, service.baseURL, service.apiKey)
    }

    /// An address to which a key would go in the clear: of the provider that is chosen, or of one with a key, which
    /// requests can name.
    private mutating func checkAddress(of id: String, _ address: String, _ key: Secret?) {
        guard settings.provider == id || key != nil, let host = WebAddress.plainHost(of: address),
            !settings.http.allowInsecure.contains(host)
        else { return }
        reportCheck(
            "\(id).baseUrl",
            "“\(address)” is spoken to without TLS, and the key would go with it; write https://, or name "
                + "\(host) in http.allowInsecure if that is what you want.")
    }

    private mutating func checkFilms() {
        let runway = settings.runway
        guard Runway.videoModelNames.contains(runway.videoModel) else {
            let near = nearestWord(to: runway.videoModel, among: Runway.videoModelNames)
            return reportCheck(
                "runway.videoModel",
                "Runway has no video model “\(runway.videoModel)”\(near.map { "; did you mean \($0)?" } ?? ".") It has: "
                    + Runway.videoModelNames.joined(separator: ", ") + ".")
        }
        guard !problems.contains(where: { $0.key == "runway.videoDuration" }),
            let objection = Runway.objection(to: runway.videoDuration, of: runway.videoModel)
        else { return }
        reportCheck(
            sources["runway.videoDuration"] == .builtIn ? "runway.videoModel" : "runway.videoDuration",
            "Films of \(runway.videoDuration) seconds are set in runway.videoDuration, but \(objection).")
    }

    /// A model or an address of OpenAI's that would only fail with the first paid order.
    private mutating func checkOpenAI() {
        let openai = settings.openai
        if !OpenAI.modelNames.contains(openai.model) {
            let nearest = nearestWord(to: openai.model, among: OpenAI.modelNames).map { "; did you mean \($0)?" } ?? "."
            reportCheck(
                "openai.model",
                "OpenAI has no image model “\(openai.model)” that vizd knows the price of\(nearest) It knows: "
                    + OpenAI.modelNames.joined(separator: ", ") + ".")
        }
        checkAddress(of: "openai", openai.baseURL, openai.apiKey)
    }

    /// A program that could not be started.
    private mutating func checkExec() {
        guard let program = settings.exec.command.first else { return }
        if !program.hasPrefix("/") {
            reportCheck("exec.command", "“\(program)” is relative; write the program's whole path.")
        } else if let why = world.cannotExecute(program) {
            reportCheck("exec.command", "“\(program)” cannot be executed: \(why). Install it, or correct the path.")
        }
    }

    private mutating func checkStorage() {
        for (key, type) in [("storage.type", settings.storage.type), ("wardrobe.type", settings.wardrobeType)]
        where !capabilities.storageTypes.contains(type) && sources[key] != .builtIn {
            let available = capabilities.storageTypes.map(\.rawValue).joined(separator: ", ")
            reportCheck(key, "“\(type.rawValue)” is not in this version of vizd; it has: \(available).")
        }
        if settings.usesS3 && capabilities.storageTypes.contains(.s3) { checkS3() }
    }

    /// A bucket that cannot be spoken to, before anything is paid for what should lie in it.
    private mutating func checkS3() {
        let s3 = settings.s3
        let needed: [(key: String, isSet: Bool)] = [
            ("s3.bucketName", s3.bucketName != nil), ("s3.accessKeyId", s3.accessKeyID != nil),
            ("s3.secretAccessKey", s3.secretAccessKey != nil),
        ]
        for (key, isSet) in needed where !isSet && !problems.contains(where: { $0.key == key }) {
            reportCheck(key, "It is not set, and storage in s3 needs it; set it, or keep everything local.")
        }
        if s3.bucketName != nil, settings.bucket == nil {
            reportCheck(
                "s3.bucketName",
                "“\(s3.bucketName ?? "")” in the region “\(s3.region)” makes no address; a bucket is named by 3 to 63 "
                    + "letters, digits, dots and hyphens, a region like eu-central-1.")
        }
        if let host = s3.endpoint.flatMap(WebAddress.plainHost(of:)), !settings.http.allowInsecure.contains(host) {
            reportCheck(
                "s3.endpoint",
                "“\(s3.endpoint ?? "")” is spoken to without TLS, and pictures and records would go with it; write "
                    + "https://, or name \(host) in http.allowInsecure if that is what you want.")
        }
    }

    private mutating func checkMetrics() {
        guard let path = settings.metrics.file else { return }
        if path.hasSuffix("/") {
            reportCheck("metrics.file", "“\(path)” is a folder; write a file's path, as \(path)vizd.prom.")
        } else if !path.hasSuffix(".prom") {
            notices.append("metrics.file is \(path), and node_exporter reads only files whose names end in .prom.")
        }
    }

    /// Nobody is to believe in a setting that does nothing.
    private mutating func noticeIdleSettings() {
        guard !settings.usesS3, settings.s3.bucketName != nil else { return }
        notices.append("s3.bucketName is set, but storage.type is local: nothing is kept in the bucket.")
    }

    private mutating func reportCheck(_ key: String, _ sentence: String) {
        problems.append(SettingsProblem(key: key, source: sources[key] ?? .builtIn, sentence: sentence))
    }
}

extension Capabilities {
    /// What this version has: the embedded renderer, hosted providers, any program, and pictures and records on this
    /// machine or in a bucket.
    static let thisVersion = Capabilities(
        providers: ["flatlay", "runway", "fashn", "bfl", "openai", "exec"], storageTypes: [.local, .s3])
}
