// Stage 1: what is to be made, and of what. Nothing is paid here; every garment that cannot be used is named at once.

internal import Contract
internal import Imaging
internal import Linux
internal import Providers
internal import Wardrobe

extension Pipeline {
    /// Reads the outfit, makes its photos ready and decides on the order.
    func prepare(_ job: inout JobRun) async throws(StepTrouble) -> JobEvent {
        guard let request = job.request else { preconditionFailure("a request that was not read came to be prepared") }
        if let late = expired(request) { throw .job(late) }
        let (provider, model, size) = try choose(request)
        job.provider = provider.traits.id
        guard let user = UserID(request.userID) else { preconditionFailure("the contract let a bad user id through") }
        let garments = try await garments(of: request, user)
        if garments.count > model.maximumReferences { throw .job(.tooManyGarments(garments.count, model)) }
        let references = try await ready(garments, user)
        let order = Order(
            kind: request.kind, model: model, size: size, seed: request.seed, prompt: nil, references: references)
        job.order = order
        return .prepared(
            Plan(
                provider: provider.traits.id, model: model.name, size: size, seed: order.seed, prompt: order.prompt,
                references: references.count, usedDescriptor: false, usedProfileDescriptor: false))
    }

    func expired(_ request: JobRequest) -> JobFailure? {
        guard let limit = request.notAfter, limit.nanoseconds < wallClock() else { return nil }
        return JobFailure(
            .expired,
            "The request was not to be submitted after \(limit.rfc3339), and that has passed. Nothing was ordered. "
                + "Send it again with a later not_after.")
    }

    // MARK: - The order

    private func choose(_ request: JobRequest) throws(StepTrouble) -> (any Provider, ModelTraits, PixelSize) {
        let name = request.provider ?? settings.provider
        guard let provider = providers.provider(name) else { throw .job(.unknownProvider(name, providers.names)) }
        let traits = provider.traits
        var problems = unavailable(request)
        guard let model = traits.model(request.model) else {
            let names = traits.models.map(\.name).joined(separator: ", ")
            throw .job(.invalid(problems + [Problem(path: "model", message: "\(traits.displayName) has \(names).")]))
        }
        let size = request.ratio.map(PixelSize.init) ?? model.defaultSize
        if !model.sizes.admits(size) {
            problems.append(Problem(path: "ratio", message: "\(traits.displayName) makes \(model.sizes.phrase)."))
        }
        if request.seed != nil && !model.takesSeed {
            problems.append(Problem(path: "seed", message: "\(traits.displayName) takes no seed; leave it out."))
        }
        if request.personImage != nil && !model.takesPersonImage {
            problems.append(
                Problem(
                    path: "person_image", message: "\(traits.displayName) takes no photo of a person; leave it out."))
        }
        if !model.kinds.contains(request.kind) {
            problems.append(Problem(path: "kind", message: "\(traits.displayName) makes no \(request.kind.rawValue)."))
        }
        if !problems.isEmpty { throw .job(.invalid(problems)) }
        return (provider, model, size)
    }

    /// What the contract has and this version does not do yet: said, never ignored.
    private func unavailable(_ request: JobRequest) -> [Problem] {
        var problems: [Problem] = []
        let sentence = "This version of vizd cannot do this yet; leave it out."
        if request.action != .visualize {
            problems.append(Problem(path: "action", message: "This version of vizd only knows visualize."))
        }
        if !request.outfitIDs.isEmpty {
            problems.append(Problem(path: "outfit_ids", message: "\(sentence) Send one request for each outfit."))
        }
        if !request.views.isEmpty { problems.append(Problem(path: "views", message: sentence)) }
        return problems
    }

    // MARK: - Garments

    private func garments(of request: JobRequest, _ user: UserID) async throws(StepTrouble) -> [Garment] {
        let outfit: Outfit
        if let inline = request.outfit {
            outfit = Outfit(
                items: inline.items.map { Garment(name: $0.name, category: $0.category, candidates: [$0.image]) },
                stylingNotes: inline.stylingNotes)
        } else {
            guard let id = request.outfitID.flatMap({ OutfitID($0) }) else {
                preconditionFailure("the contract let a request without an outfit through")
            }
            do throws(WardrobeFailure) {
                outfit = try await wardrobe.outfit(id, of: user)
            } catch {
                throw StepTrouble(error)
            }
        }
        return outfit.items
    }

    /// Every garment's photo made ready, in the outfit's order; all that cannot be are named together.
    private func ready(_ garments: [Garment], _ user: UserID) async throws(StepTrouble) -> [Reference] {
        let outcomes = await withTaskGroup(of: (Int, Result<Reference, PhotoTrouble>).self) { group in
            for (index, garment) in garments.enumerated() {
                group.addTask { (index, await self.reference(garment, user)) }
            }
            var all = [Result<Reference, PhotoTrouble>?](repeating: nil, count: garments.count)
            for await (index, outcome) in group { all[index] = outcome }
            return all.compactMap { $0 }
        }
        var references: [Reference] = []
        var unreadable: [Problem] = []
        for (index, outcome) in outcomes.enumerated() {
            switch outcome {
            case .success(let reference): references.append(reference)
            case .failure(.unreadable(let sentence)):
                unreadable.append(Problem(path: "items[\(index)]", message: sentence))
            case .failure(.step(let trouble)): throw trouble
            }
        }
        if !unreadable.isEmpty { throw .job(.unreadable(unreadable, of: garments.count)) }
        return references
    }

    private enum PhotoTrouble: Error {
        case unreadable(String)
        case step(StepTrouble)
    }

    private func reference(_ garment: Garment, _ user: UserID) async -> Result<Reference, PhotoTrouble> {
        let photo: OpenedPhoto
        do throws(WardrobeFailure) {
            photo = try await wardrobe.openPhoto(garment, of: user)
        } catch {
            return .failure(
                error.code == .garmentUnreadable ? .unreadable(sentence(error.message)) : .step(StepTrouble(error)))
        }
        do throws(ImageFailure) {
            let ready = try await photos.prepare(photo.file)
            return .success(Reference(garment, ready))
        } catch {
            if error.code.isOurs { return .failure(.step(.job(.imagingUnavailable(garment.name, error)))) }
            return .failure(.unreadable("\(garment.name) (\(photo.path)): \(error.message)"))
        }
    }
}

extension ImageFailure.Code {
    /// Whether the photo is not to blame.
    var isOurs: Bool { self == .unavailable || self == .cancelled }
}

extension Reference {
    fileprivate init(_ garment: Garment, _ photo: PreparedPhoto) {
        let box = photo.shape.content
        self.init(
            name: garment.name, category: garment.category, width: photo.shape.width, height: photo.shape.height,
            content: PixelBox(left: box.left, top: box.top, width: box.width, height: box.height),
            backdrop: photo.shape.backdrop, image: photo.bytes)
    }
}
