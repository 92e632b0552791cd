// Sheets that were drawn lately: the same outfit is often ordered again, and drawing costs more than all the rest of
// preparing. Kept in memory, the oldest give way; one task draws a sheet, and whoever wants the same meanwhile waits
// for it.

internal import Providers
internal import Synchronization

/// Drawn sheets by what is on them.
final class SheetShelf: Sendable {
    typealias Drawing = Task<Result<Reference, ProviderFailure>, Never>

    private struct State {
        var sheets: [[String]: Drawing] = [:]
        /// The order of their coming, for giving way.
        var order: [[String]] = []
    }

    private let state = Mutex(State())
    /// At most so many; a sheet has a few hundred kilobytes.
    private let kept: Int

    init(kept: Int) { self.kept = kept }

    /// The sheet with these garments in this order, by all that decides how it looks; drawn if it is not there. A
    /// failure is not kept.
    func sheet(
        of garments: [String], draw: @escaping @Sendable () async throws(ProviderFailure) -> Reference
    ) async throws(ProviderFailure) -> Reference {
        let drawing = state.withLock { state -> Drawing in
            if let drawing = state.sheets[garments] { return drawing }
            let drawing = Drawing {
                do throws(ProviderFailure) { return .success(try await draw()) } catch { return .failure(error) }
            }
            state.sheets[garments] = drawing
            state.order.append(garments)
            if state.order.count > kept { state.sheets[state.order.removeFirst()] = nil }
            return drawing
        }
        let drawn = await drawing.value
        if case .failure = drawn { forget(garments) }
        return try drawn.get()
    }

    private func forget(_ garments: [String]) {
        state.withLock { state in
            state.sheets[garments] = nil
            state.order.removeAll { $0 == garments }
        }
    }

    /// How many are kept or being drawn.
    var count: Int { state.withLock { $0.sheets.count } }
}
