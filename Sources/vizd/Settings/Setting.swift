// One row of the table of settings: its key, what it takes, its default, and where its value goes in `Settings`.
//
// A row is read from text alone, whichever source the text came from, so a value means the same in the file and in the
// environment. What does not fit is answered with nil; the reader then says what the row takes and where the text
// stood.

/// The text of a setting as its source gave it.
enum RawValue: Sendable, Equatable {
    case text(String)
    case list([String])

    /// As it would be written in one line of the configuration file.
    var display: String {
        switch self {
        case .text(let text): text
        case .list(let items): "[" + items.joined(separator: ", ") + "]"
        }
    }

    /// An empty text is "not set": `key:` in the file, `VIZD_KEY=` in the environment.
    var isEmpty: Bool { self == .text("") }
}

/// What a setting takes: a sentence for people, a unit for the documentation, and the reader itself.
struct Kind<Value: Sendable>: Sendable {
    /// Completes "it takes …".
    let allowed: String
    /// Completes "Default: 2 (…)"; empty where the value explains itself.
    let unit: String
    let isList: Bool
    /// Whether it may hold `user:password@` and is shown without that.
    let isAddress: Bool
    let read: @Sendable (RawValue) -> Value?

    init(
        allowed: String, unit: String = "", isList: Bool = false, isAddress: Bool = false,
        read: @escaping @Sendable (RawValue) -> Value?
    ) {
        self.allowed = allowed
        self.unit = unit
        self.isList = isList
        self.isAddress = isAddress
        self.read = read
    }

    /// A kind that is read from one text.
    init(
        allowed: String, unit: String = "", isAddress: Bool = false,
        reading: @escaping @Sendable (String) -> Value?
    ) {
        self.init(allowed: allowed, unit: unit, isAddress: isAddress) { raw in
            guard case .text(let text) = raw else { return nil }
            return reading(text)
        }
    }
}

/// The member of `Settings` that a setting fills.
typealias Place<Value> = any WritableKeyPath<Settings, Value> & Sendable

struct Setting: Sendable {
    let key: String
    /// The default as one would write it in the configuration file; empty is "none".
    let fallback: String
    /// A sentence or two for the configuration file.
    let about: String
    let allowed: String
    let unit: String
    let isList: Bool
    let isAddress: Bool
    let isSecret: Bool
    /// Whether a change takes effect only with the next start; the others follow a SIGHUP.
    let needsRestart: Bool
    /// A name in the environment that the world already uses for this value, such as `AWS_ACCESS_KEY_ID`.
    let environmentAlias: String?
    private let put: @Sendable (RawValue, inout Settings) -> Bool

    /// A setting that always has a value; `fallback` must be one that its kind reads (a test asserts it).
    init<Value: Sendable>(
        _ key: String, _ kind: Kind<Value>, _ path: Place<Value>,
        default fallback: String, restart: Bool = false, about: String
    ) {
        self.init(key: key, kind: kind, fallback: fallback, about: about, secret: false, restart: restart, alias: nil) {
            settings, value in settings[keyPath: path] = value
        }
    }

    /// A setting that may be empty.
    init<Value: Sendable>(
        _ key: String, optional kind: Kind<Value>, _ path: Place<Value?>,
        restart: Bool = false, about: String
    ) {
        self.init(key: key, kind: kind, fallback: "", about: about, secret: false, restart: restart, alias: nil) {
            settings, value in settings[keyPath: path] = value
        }
    }

    /// A secret. `key` + "File" is a setting too: the path of a file that holds it.
    init(
        secret key: String, _ path: Place<Secret?>, alias: String? = nil, restart: Bool = false, about: String
    ) {
        self.init(key: key, kind: .secret, fallback: "", about: about, secret: true, restart: restart, alias: alias) {
            settings, value in settings[keyPath: path] = value
        }
    }

    /// The path of the file that holds the secret `key`; the reader follows it, nothing else needs it.
    init(fileOf key: String) {
        let about = "A file that holds \(key); it wins over \(key) in this file."
        self.init(
            key: key + "File", kind: .path, fallback: "", about: about, secret: false, restart: false, alias: nil
        ) { _, _ in }
    }

    private init<Value: Sendable>(
        key: String, kind: Kind<Value>, fallback: String, about: String, secret: Bool, restart: Bool, alias: String?,
        assign: @escaping @Sendable (inout Settings, Value) -> Void
    ) {
        self.key = key
        self.fallback = fallback
        self.about = about
        self.allowed = kind.allowed
        self.unit = kind.unit
        self.isList = kind.isList
        self.isAddress = kind.isAddress
        self.isSecret = secret
        self.needsRestart = restart
        self.environmentAlias = alias
        self.put = { raw, settings in
            guard let value = kind.read(raw) else { return false }
            assign(&settings, value)
            return true
        }
    }

    /// Reads `raw` and puts it where it belongs; false when it is not something that this setting takes.
    func store(_ raw: RawValue, in settings: inout Settings) -> Bool {
        put(raw, &settings)
    }

    /// The default as a source would give it.
    var fallbackValue: RawValue {
        guard isList else { return .text(fallback) }
        return .list(Setting.items(of: fallback))
    }

    /// The items of a list that was written as one text, separated by commas.
    static func items(of text: String) -> [String] {
        text.split(separator: ",").map { String($0.trimmed) }.filter { !$0.isEmpty }
    }
}

extension StringProtocol {
    /// Without white space and line ends on either side.
    var trimmed: SubSequence {
        guard let first = firstIndex(where: { !$0.isWhitespace }) else { return self[endIndex...] }
        let last = lastIndex { !$0.isWhitespace } ?? first
        return self[first...last]
    }
}
