// Stage 1: what is to be made, and of what. Nothing is paid here; every garment that cannot be used is named at once.

internal import Contract
internal import Digest
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
        let outfit = try await outfit(of: request, user)
        let groups = try grouped(outfit.items.count, model)
        if !job.isInHand { await hands.enter() }
        job.isInHand = true
        let photos = try await ready(outfit.items, user)
        let (prompt, descriptor) = try await written(request, outfit, groups, model, user)
        let room = model.references.room(for: groups.count + (request.personImage == nil ? 0 : 1), beside: size)
        var references = try await pictures(photos, groups, model, room)
        for (index, tag) in (prompt?.tags ?? []).enumerated() { references[index].tag = tag }
        let order = Order(
            kind: request.kind, model: model, size: size, seed: request.seed, prompt: prompt?.text,
            references: references)
        job.order = order
        return .prepared(
            Plan(
                provider: provider.traits.id, model: model.name, size: size, seed: order.seed, prompt: order.prompt,
                references: references.count, usedDescriptor: descriptor != .none,
                usedProfileDescriptor: descriptor == .profile))
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
        let provider: any Provider
        switch providers.entry(name) {
        case .ready(let found): provider = found
        case .missing(_, let displayName, let setting): throw .job(.notConfigured(displayName, setting))
        case nil: throw .job(.unknownProvider(name, providers.names))
        }
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
        if request.personImage == nil && model.needsPersonImage {
            problems.append(
                Problem(
                    path: "person_image",
                    message: "\(model.name) only dresses a person in a photo: name one, or take another model."))
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

    // MARK: - The prompt

    /// Whose description of the person a prompt has.
    private enum DescriptorSource { case none, request, profile, configuration }

    /// The prompt for pictures that hold these groups of garments; none for a model without prompts.
    private func written(
        _ request: JobRequest, _ outfit: Outfit, _ groups: [[Int]], _ model: ModelTraits, _ user: UserID
    ) async throws(StepTrouble) -> (WrittenPrompt?, DescriptorSource) {
        guard let rule = model.prompt else { return (nil, .none) }
        let profile: Profile
        do throws(WardrobeFailure) {
            profile = try await wardrobe.profile(of: user)
        } catch {
            throw StepTrouble(error)
        }
        let (descriptor, source): (String?, DescriptorSource) =
            if let own = request.modelDescriptor { (own, .request) } else if let own = profile.modelDescriptor {
                (own, .profile)
            } else if let common = settings.modelDescriptor { (common, .configuration) } else { (nil, .none) }
        let pieces = outfit.items.map { PromptBrief.Piece(name: $0.name, category: $0.category) }
        let brief = PromptBrief(
            descriptor: descriptor, pictures: groups.map { $0.map { pieces[$0] } }, directions: request.prompt,
            stylingNotes: outfit.stylingNotes, styleWords: profile.styleWords, feelingNow: profile.feelingNow,
            wantToFeel: profile.wantToFeel)
        return (PromptWriter.write(brief, by: rule), source)
    }

    // MARK: - Reference pictures

    /// Which garments are on which picture.
    private func grouped(_ garments: Int, _ model: ModelTraits) throws(StepTrouble) -> [[Int]] {
        let (least, most) = (model.references.count.lowerBound, model.references.count.upperBound)
        guard garments >= least, most > 0, garments <= most || model.references.sharesSheets else {
            throw .job(.tooManyGarments(garments, model))
        }
        return SheetPlan(garments: garments, pictures: most).groups(of: Array(0..<garments))
    }

    /// One picture a group: the photo itself, or a sheet where several garments share one or where the photo is too
    /// slim, or with more pixels than `room` too large, for the model.
    private func pictures(_ photos: [Reference], _ groups: [[Int]], _ model: ModelTraits, _ room: Int)
        async throws(StepTrouble) -> [Reference]
    {
        let size = Pipeline.sheetSize.shrunk(to: room)
        var pictures: [Reference] = []
        for group in groups {
            let members = group.map { photos[$0] }
            if let photo = members.first, members.count == 1, model.references.admits(photo),
                photo.width * photo.height <= room
            {
                pictures.append(photo)
            } else {
                pictures.append(try await sheet(members, size))
            }
        }
        return pictures
    }

    /// Sheets are as large as prepared photos are at most, upright like an outfit.
    private static let sheetSize = PixelSize(width: 1152, height: 1536)
    /// A neutral white: the ground is no part of the outfit.
    private static let sheetGround: UInt32 = 0xFFFFFF

    private func sheet(_ members: [Reference], _ size: PixelSize) async throws(StepTrouble) -> Reference {
        let painter = painter
        let look = members.map { "\($0.digest) \($0.category ?? "") \($0.name)" }
        do throws(ProviderFailure) {
            return try await sheets.sheet(of: look + [size.description]) { () async throws(ProviderFailure) in
                try await Pipeline.draw(members, size, painter)
            }
        } catch {
            throw .job(.sheetNotDrawn(members.map(\.name).joined(separator: ", "), error))
        }
    }

    private static func draw(_ members: [Reference], _ size: PixelSize, _ painter: any SheetPainting)
        async throws(ProviderFailure) -> Reference
    {
        let garments = members.map {
            FlatLayLayout.Garment(
                name: $0.name, category: $0.category ?? "",
                aspect: Double($0.content.width) / Double(max($0.content.height, 1)))
        }
        let layout = FlatLayLayout(garments, width: size.width, height: size.height)
        let order = FlatLaySheet(size: size, ground: Pipeline.sheetGround, places: layout.placements)
        let image = try await painter.paint(order, members)
        return Reference(
            name: members.map(\.name).joined(separator: ", "), category: nil, width: size.width, height: size.height,
            content: PixelBox(left: 0, top: 0, width: size.width, height: size.height), backdrop: nil, image: image,
            digest: SHA256.of(image).hex)
    }

    // MARK: - Garments

    private func outfit(of request: JobRequest, _ user: UserID) async throws(StepTrouble) -> Outfit {
        if let inline = request.outfit {
            return Outfit(
                items: inline.items.map { Garment(name: $0.name, category: $0.category, candidates: [$0.image]) },
                stylingNotes: inline.stylingNotes)
        }
        guard let id = request.outfitID.flatMap({ OutfitID($0) }) else {
            preconditionFailure("the contract let a request without an outfit through")
        }
        do throws(WardrobeFailure) {
            return try await wardrobe.outfit(id, of: user)
        } catch {
            throw StepTrouble(error)
        }
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
            backdrop: photo.shape.backdrop, image: photo.bytes, digest: SHA256.of(photo.bytes).hex)
    }
}

extension ReferenceRule {
    /// Whether a picture may go as it is.
    fileprivate func admits(_ picture: Reference) -> Bool {
        guard let aspect else { return true }
        return aspect.contains(Double(picture.width) / Double(max(picture.height, 1)))
    }

    /// Pixels that each of so many pictures may have, beside the one that is made.
    func room(for pictures: Int, beside made: PixelSize) -> Int {
        guard let pixels else { return .max }
        return max(0, pixels - made.width * made.height) / max(pictures, 1)
    }
}

extension PixelSize {
    /// The largest of its shape, or nearly, with so many pixels at most; sides are multiples of 16.
    func shrunk(to pixels: Int) -> PixelSize {
        guard width * height > pixels else { return self }
        let scale = (Double(pixels) / Double(width * height)).squareRoot()
        let sides = [width, height].map { max(16, Int(Double($0) * scale) / 16 * 16) }
        return PixelSize(width: sides[0], height: sides[1])
    }
}
