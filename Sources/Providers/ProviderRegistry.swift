// All providers that this build has, and what they are made from. One line a provider.
//
// The registry is one object for the whole program. A reload of the configuration replaces what is in it, so that a
// job that waits for its task asks with the key of today.

internal import Synchronization
package import Transfer

/// What a provider may need from the rest of the program.
package struct ProviderEnvironment: Sendable {
    /// Draws sheets of garments.
    package let painter: any SheetPainting
    /// Makes HTTP transfers.
    package let transfer: any Transferring
    /// Monotonic nanoseconds.
    package let monotonicClock: @Sendable () -> Int64
    /// What the configuration says of Runway.
    package var runway = RunwaySettings()
    /// What it says of FASHN AI.
    package var fashn = Fashn.standard
    /// What it says of Black Forest Labs.
    package var bfl = BFL.standard
    /// What it says of OpenAI.
    package var openai = OpenAISettings()
    /// What it says of the program that makes pictures.
    package var exec = ExecSettings()

    package init(
        painter: any SheetPainting, transfer: any Transferring, monotonicClock: @escaping @Sendable () -> Int64
    ) {
        (self.painter, self.transfer, self.monotonicClock) = (painter, transfer, monotonicClock)
    }
}

/// A provider of this build: ready, or without what it needs.
package enum ProviderEntry: Sendable {
    case ready(any Provider)
    /// `setting` is the key that is not set (`runway.apiKey`).
    case missing(id: String, displayName: String, setting: String)

    package var id: String {
        switch self {
        case .ready(let provider): provider.traits.id
        case .missing(let id, _, _): id
        }
    }

    package var displayName: String {
        switch self {
        case .ready(let provider): provider.traits.displayName
        case .missing(_, let name, _): name
        }
    }
}

/// The providers by name.
package final class ProviderRegistry: Sendable {
    private let entries: Mutex<[ProviderEntry]>

    /// Every provider of this build, the line to add one to.
    package static func entries(_ environment: ProviderEnvironment) -> [ProviderEntry] {
        [
            .ready(FlatLay(painter: environment.painter)),
            Runway.entry(environment),
            Fashn.entry(environment),
            BFL.entry(environment),
            OpenAI.entry(environment),
            Exec.entry(environment),
        ]
    }

    /// Those that cost nothing, whatever is ordered.
    package static let free: [ProviderTraits] = [FlatLay.traits, Exec.traits]

    /// Every provider of this build.
    package convenience init(_ environment: ProviderEnvironment) {
        self.init(entries: ProviderRegistry.entries(environment))
    }

    /// These providers; tests bring their own.
    package convenience init(_ providers: [any Provider]) { self.init(entries: providers.map(ProviderEntry.ready)) }

    package init(entries: [ProviderEntry]) {
        ProviderRegistry.check(entries)
        self.entries = Mutex(entries)
    }

    private static func check(_ entries: [ProviderEntry]) {
        precondition(Set(entries.map(\.id)).count == entries.count, "two providers have the same name")
    }

    /// Puts these in the place of all that are there: for whatever is asked from now on.
    package func replace(_ fresh: [ProviderEntry]) {
        ProviderRegistry.check(fresh)
        entries.withLock { $0 = fresh }
    }

    /// What there is under a name, as requests spell it.
    package func entry(_ id: String) -> ProviderEntry? { entries.withLock { $0.first { $0.id == id } } }

    /// The provider of that name, where it has what it needs.
    package func provider(_ id: String) -> (any Provider)? {
        guard case .ready(let provider)? = entry(id) else { return nil }
        return provider
    }

    /// All names, for messages.
    package var names: [String] { entries.withLock { $0.map(\.id) } }
}
