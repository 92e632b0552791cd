// OpenAI's image models: one call that lasts as long as the picture takes, up to two minutes, and brings it along.
//
// There is no task to ask for, no key against doing it twice, and nothing is kept: an answer that is lost is a picture
// that was paid for and nobody has. So whatever is not certain is `lost`, and the call is waited for long. What is sent
// is `OpenAIForm`, what comes back `OpenAIAnswer` and `OpenAIFailures`; docs/PROVIDERS.md has the table of it.

internal import Contract
internal import Transfer

/// OpenAI.
package struct OpenAI: Provider {
    private let transfer: any Transferring
    private let settings: OpenAISettings
    private let address: String
    private let credential: TransferCredential
    /// The key itself, which no message may show.
    private let key: String

    package let traits: ProviderTraits

    /// - Parameter key: `openai.apiKey`.
    init(_ settings: OpenAISettings, key: String, transfer: any Transferring) {
        (self.settings, self.key, self.transfer) = (settings, key, transfer)
        // OpenAI's own client is given the address with /v1, and so are many gateways.
        let base = settings.baseURL.hasSuffix("/") ? String(settings.baseURL.dropLast()) : settings.baseURL
        address = base + (base.hasSuffix("/v1") ? "" : "/v1") + "/images/edits"
        credential = TransferCredential(
            name: "Authorization", value: "Bearer \(key)", origin: settings.baseURL.webOrigin)
        let chosen = OpenAIModel.all.filter { $0.name == settings.model }
        let others = OpenAIModel.all.filter { $0.name != settings.model }
        traits = ProviderTraits(
            id: "openai", displayName: "OpenAI", models: (chosen + others).map(\.traits), isFree: false,
            hasLongCalls: true)
    }

    /// The provider as the configuration has it, or what it lacks.
    package static func entry(_ environment: ProviderEnvironment) -> ProviderEntry {
        guard let key = environment.openai.apiKey else {
            return .missing(id: "openai", displayName: "OpenAI", setting: "openai.apiKey")
        }
        return .ready(OpenAI(environment.openai, key: key, transfer: environment.transfer))
    }

    /// What `openai.model` may be, the default first.
    package static var modelNames: [String] { OpenAIModel.all.map(\.name) }

    private static func model(_ order: Order) -> OpenAIModel {
        guard let model = OpenAIModel.all.first(where: { $0.name == order.model.name }) else {
            preconditionFailure("an order for \(order.model.name) came to OpenAI, which has no such model")
        }
        return model
    }

    /// The highest price of this order; what it really was follows from the tokens that the answer counts.
    package func price(_ order: Order) -> Price {
        Price(
            credits: nil,
            microdollars: OpenAI.model(order).ceiling(
                order.size, quality: settings.quality, promptBytes: order.prompt?.utf8.count ?? 0,
                references: order.references.map { PixelSize(width: $0.width, height: $0.height) }))
    }

    /// The account is not asked; what may be under way at once is the configuration's. Nothing lies in a queue of
    /// OpenAI's: a call beyond that would only wait, or be refused. No pictures of the day are counted, so nothing is
    /// concluded from a count about an order whose answer was lost.
    package func account() async throws(ProviderFailure) -> Account? {
        let allowance = Allowance(atOnce: settings.concurrent)
        return Account(
            balance: nil, models: Dictionary(uniqueKeysWithValues: OpenAI.modelNames.map { ($0, allowance) }))
    }

    // MARK: - The order

    /// How long an answer is waited for: OpenAI speaks of two minutes for a hard one, its own client waits ten. No byte
    /// comes in the meantime.
    private static let patience: Int64 = 600_000_000_000

    /// `POST /v1/images/edits`, once.
    package func submit(_ order: Order) async -> Submission {
        let form = OpenAIForm.encode(order, quality: settings.quality)
        var request = TransferRequest(.post, address, reach: .configured)
        request.headers = [
            TransferHeader("Content-Type", form.contentType), TransferHeader("Accept", "application/json"),
        ]
        if let organization = settings.organization {
            request.headers.append(TransferHeader("OpenAI-Organization", organization))
        }
        if let project = settings.project { request.headers.append(TransferHeader("OpenAI-Project", project)) }
        request.credential = credential
        request.body = .bytes(form.bytes)
        (request.limits.total, request.limits.stall) = (OpenAI.patience, OpenAI.patience)
        // Four signs for three bytes, some of them escaped, and room for the rest of the answer.
        request.limits.bytes = settings.pictureBytes / 3 * 4 + settings.pictureBytes / 16 + (1 << 20)
        do throws(TransferFailure) {
            return outcome(try await transfer.transfer(request), OpenAI.model(order))
        } catch {
            return outcome(error)
        }
    }

    private func outcome(_ answer: TransferAnswer, _ model: OpenAIModel) -> Submission {
        if answer.isSuccess { return made(answer, model) }
        if OpenAIFailures.isRefusal(answer.status) {
            let failure = OpenAIFailures.refusal(answer, quote: quote)
            guard OpenAIRefusal(answer.body, quote: quote).isAboutOutput else { return .refused(failure) }
            // The picture had been made: nobody says whether it is charged.
            return .spoiled(
                TaskFailure(
                    code: failure.code, providerCode: failure.providerCode, message: failure.message,
                    retryable: false), price: nil)
        }
        return .lost(
            LostAnswer("OpenAI answered with status \(answer.status)\(number(answer))", httpStatus: answer.status))
    }

    private func made(_ answer: TransferAnswer, _ model: OpenAIModel) -> Submission {
        guard let read = OpenAIAnswer(answer.body, limit: settings.pictureBytes) else {
            return .lost(LostAnswer("OpenAI's answer cannot be read\(number(answer))", httpStatus: answer.status))
        }
        let price = read.usage.map { usage in
            Price(
                credits: nil,
                microdollars: model.tariff.microdollars(
                    text: usage.text, images: usage.images, output: usage.output))
        }
        switch read.picture {
        case .whole(let bytes): return .made(GeneratedPicture(bytes: bytes), price: price)
        case .tooLarge: return .spoiled(tooLarge, price: price)
        case .none(let what):
            let failure = TaskFailure(
                code: .generationFailed, providerCode: nil,
                message: "OpenAI's answer says that the picture is made, and \(what)\(number(answer)). It was charged: "
                    + "show the number of the request to OpenAI's support, and send the request again to order anew.",
                retryable: false)
            return .spoiled(failure, price: price)
        }
    }

    private var tooLarge: TaskFailure {
        TaskFailure(
            code: .downloadTooLarge, providerCode: nil,
            message: "The picture that OpenAI made has more than \(settings.pictureBytes) bytes "
                + "(limits.downloadBytes), and was charged. Raise limits.downloadBytes first; then send the request "
                + "again, which orders and pays anew, or another one with a smaller ratio.",
            retryable: false)
    }

    private func outcome(_ failure: TransferFailure) -> Submission {
        // A status that came before the connection broke decides as it does with a whole answer.
        if let status = failure.status, OpenAIFailures.isRefusal(status) {
            return .refused(OpenAIFailures.refusal(TransferAnswer(status: status, headers: [], body: []), quote: quote))
        }
        let hasSucceeded = failure.status.map { (200..<300).contains($0) } ?? false
        if failure.code == .tooLarge, hasSucceeded { return .spoiled(tooLarge, price: nil) }
        if failure.sent == .whole || hasSucceeded {
            return .lost(LostAnswer(quote(failure.message), httpStatus: failure.status))
        }
        return .refused(OpenAIFailures.unsent(failure, quote: quote))
    }

    /// The number of the request as a part of a sentence.
    private func number(_ answer: TransferAnswer) -> String {
        OpenAIFailures.requestID(answer, quote).map { " (request \($0))" } ?? ""
    }

    /// A text of OpenAI's as it may stand in a message.
    private func quote(_ text: String) -> String {
        printable(redacted(key.isEmpty ? text : text.replacing(key, with: "[removed]")), limit: 200)
    }
}
