// Black Forest Labs (FLUX.2): pictures made by tasks, each asked for at the address that its own order named.
//
// What came back becomes what is known, and where that leaves a doubt whether a task exists, it is `lost`. Nothing here
// waits, tries again, or touches a file; the tables are `BFLModels` and `BFLAnswers`, and docs/PROVIDERS.md has the one
// of what came back. The address of a task and its price are told once, with its order, so they are part of the text
// that it is remembered by. There is no call that cancels and none that finds a lost task.

internal import Contract
internal import Transfer

/// Black Forest Labs.
package struct BFL: Provider {
    static let service = Service(id: "bfl", displayName: "Black Forest Labs", portal: "dashboard.bfl.ai")

    private let calls: ServiceCalls
    private let failures: ServiceFailures
    private let concurrent: Int

    package let traits: ProviderTraits

    /// - Parameter key: `bfl.apiKey`.
    init(_ settings: ServiceSettings, key: String, transfer: any Transferring) {
        let calls = ServiceCalls(settings, key: key, header: "x-key", transfer: transfer)
        (self.calls, concurrent) = (calls, settings.concurrent)
        failures = ServiceFailures(service: BFL.service, quote: { calls.quote($0) })
        traits = ProviderTraits(
            id: BFL.service.id, displayName: BFL.service.displayName,
            models: BFLModel.all(first: settings.model).map(\.traits), isFree: false)
    }

    /// What an environment has where the configuration says nothing.
    package static var standard: ServiceSettings {
        ServiceSettings(baseURL: "https://api.bfl.ai", model: BFLModel.all[0].name, concurrent: 24)
    }

    /// The provider as the configuration has it, or what it lacks.
    package static func entry(_ environment: ProviderEnvironment) -> ProviderEntry {
        guard let key = environment.bfl.apiKey else {
            return .missing(id: service.id, displayName: service.displayName, setting: service.setting("apiKey"))
        }
        return .ready(BFL(environment.bfl, key: key, transfer: environment.transfer))
    }

    /// What `bfl.model` may be, the default first.
    package static var modelNames: [String] { BFLModel.all.map(\.name) }

    /// The most that this order can cost; the answer to it names the price.
    package func price(_ order: Order) -> Price {
        let sizes = order.references.map { PixelSize(width: $0.width, height: $0.height) }
        return Price(bflCredits: BFLModel.of(order).credits(order.size, references: sizes))
    }

    // MARK: - The order

    /// `POST /v1/MODEL`, once.
    package func submit(_ order: Order) async -> Submission {
        let model = BFLModel.of(order)
        let result: Result<TransferAnswer, TransferFailure>
        do throws(TransferFailure) {
            result = .success(try await calls.post("/v1/\(model.name)", BFLOrder.body(order, model)))
        } catch {
            result = .failure(error)
        }
        return failures.outcome(result, said: { BFLRefusal.words($0.body, quote: calls.quote) }) { answer in
            BFLTicket(created: answer.body).map { .accepted(taskID: $0.text, estimate: $0.price) }
        }
    }

    // MARK: - The task

    /// `GET` of the address that the order named, exactly as it was named. Only where it named none, or one that is
    /// neither the configured service's nor the maker's own, so that the key may not go there, the documented one.
    package func poll(_ taskID: String) async throws(ProviderFailure) -> TaskReport {
        guard let ticket = BFLTicket(taskID) else { return BFL.unknown }
        let what = "the state of a task"
        let answer: TransferAnswer
        do throws(TransferFailure) { answer = try await ask(ticket) } catch { throw failures.later(what, error) }
        if answer.status == 404 { return BFL.unknown }
        guard answer.isSuccess else { throw later(what, answer) }
        guard let state = BFLTask.state(answer.body, agreed: ticket.price, quote: calls.quote) else {
            throw failures.unreadable(what, answer)
        }
        return TaskReport(state)
    }

    private func ask(_ ticket: BFLTicket) async throws(TransferFailure) -> TransferAnswer {
        guard let address = ticket.address else { return try await calls.read("/v1/get_result?id=\(ticket.id)") }
        if calls.isOwn(address) { return try await calls.read(at: address, reach: .configured) }
        if BFLTicket.isMakers(address) { return try await calls.read(at: address, reach: .foreign) }
        return try await calls.read("/v1/get_result?id=\(ticket.id)")
    }

    static let unknown = TaskReport(
        .gone(
            code: "TASK_GONE",
            message: "Black Forest Labs does not know the task any more: it is too old, or another account's. Check "
                + "that bfl.apiKey is the one that ordered it, then send the request again."))

    /// There is no such call.
    package func cancel(_ taskID: String) async throws(ProviderFailure) { throw failures.cannotCancel() }

    /// `GET /v1/credits`, and `bfl.concurrent`: no call tells how many an account may have.
    package func account() async throws(ProviderFailure) -> Account? {
        let answer: TransferAnswer
        do throws(TransferFailure) { answer = try await calls.read("/v1/credits") } catch {
            throw failures.later("the account", error)
        }
        guard answer.isSuccess else { throw later("the account", answer) }
        guard let credits = AnswerJSON.root(answer.body)?["credits"]?.amount else {
            throw failures.unreadable("the account", answer)
        }
        return Account(balance: credits, models: BFLModel.allowances(concurrent))
    }

    private func later(_ what: String, _ answer: TransferAnswer) -> ProviderFailure {
        failures.later(what, answer, BFLRefusal.words(answer.body, quote: calls.quote))
    }
}
