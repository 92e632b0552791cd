// All providers that this build has, and what they are made from. One line a provider.

/// What a provider may need from the rest of the program.
package struct ProviderEnvironment: Sendable {
    /// Draws sheets of garments.
    package let painter: any SheetPainting

    package init(painter: any SheetPainting) { self.painter = painter }
}

/// The providers by name.
package struct ProviderRegistry: Sendable {
    private let providers: [any Provider]

    /// Every provider of this build.
    package init(_ environment: ProviderEnvironment) {
        self.init([
            FlatLay(painter: environment.painter)
        ])
    }

    /// These providers; tests bring their own.
    package init(_ providers: [any Provider]) {
        let names = Set(providers.map(\.traits.id))
        precondition(names.count == providers.count, "two providers have the same name")
        self.providers = providers
    }

    /// The provider of that name, as requests spell it.
    package func provider(_ id: String) -> (any Provider)? { providers.first { $0.traits.id == id } }

    /// All names, for messages.
    package var names: [String] { providers.map(\.traits.id) }
}
