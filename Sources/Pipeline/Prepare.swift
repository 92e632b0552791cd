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
        precondition(request.outfitIDs.isEmpty && request.views.count < 2, "\(job.ticket.name) was not taken apart")
        if let late = expired(request) { throw .job(late) }
        let offers = try offers(request, job)
        job.provider = offers[0].id
        guard let user = UserID(request.userID) else { preconditionFailure("the contract let a bad user id through") }
        if request.kind == .video { return try await prepareFilm(request, offers, user, &job) }
        let outfit = try await outfit(of: request, user)
        let hasPerson = request.personImage != nil
        _ = try grouped(outfit.items.count, offers[0].model, besidePerson: hasPerson)
        let sources = try await sources(outfit.items, person: request.personImage, user)
        let able = offers.filter { takes(outfit.items.count, $0.model, besidePerson: hasPerson) }
        let offer = pick(able, &job)
        // What is stored of its own provider's is as good as ever, whoever makes the next one.
        var drafts = [try await draft(of: offers[0], request, outfit, sources, user)]
        if offer.id != offers[0].id { drafts.append(try await draft(of: offer, request, outfit, sources, user)) }
        for draft in drafts {
            guard let event = try await reuse(draft.plan, &job) else { continue }
            letGo(&job)
            return event
        }
        let draft = drafts[drafts.count - 1]
        let room = offer.model.references.room(for: draft.plan.references, beside: offer.size)
        var references = try await pictures(try await ready(sources), draft.groups, offer.model, room)
        for (index, tag) in (draft.prompt?.tags ?? []).enumerated() { references[index].tag = tag }
        job.order = Order(
            kind: request.kind, model: offer.model, size: offer.size, seed: draft.plan.seed, prompt: draft.plan.prompt,
            references: references)
        return .prepared(draft.plan)
    }

    /// What would be ordered from a provider.
    private struct Draft {
        let plan: Plan
        let prompt: WrittenPrompt?
        let groups: [[Int]]
    }

    private func draft(
        of offer: Offer, _ request: JobRequest, _ outfit: Outfit, _ sources: [SourcePhoto], _ user: UserID
    ) async throws(StepTrouble) -> Draft {
        let hasPerson = request.personImage != nil
        let groups = try grouped(outfit.items.count, offer.model, besidePerson: hasPerson)
        let (prompt, descriptor) = try await written(request, outfit, groups, offer.model, user)
        var plan = Plan(
            provider: offer.id, model: offer.model.name, size: offer.size, seed: request.seed, prompt: prompt?.text,
            references: groups.count + (hasPerson ? 1 : 0), usedDescriptor: descriptor != .none,
            usedProfileDescriptor: descriptor == .profile)
        plan.fingerprint = look(plan, request.kind, sources, groups, offer.model).fingerprint
        return Draft(plan: plan, prompt: prompt, groups: groups)
    }

    /// Takes one of the places for jobs with photos in memory. Answers false where the job is to end, which came first.
    func takeHands(_ job: inout JobRun) async -> Bool {
        if job.isInHand { return true }
        if hands.tryEnter() {
            job.isInHand = true
            return true
        }
        return await waitForHands(&job)
    }

    @inline(never)
    private func waitForHands(_ job: inout JobRun) async -> Bool {
        job.isInHand = await hands.enter(unless: job.cancel, tell: handsReport(job))
        return job.isInHand
    }

    @inline(never)
    private func handsReport(_ job: JobRun) -> @Sendable () -> Void {
        let words = "Waiting until other jobs' photos are out of memory." + Pipeline.limit(job.request)
        let told = job.progress(.prepare, .prepare).saying(words, waiting: StageWait(.memory, since: now()))
        return { [report = job.report] in report(told) }
    }

    /// What decides how the picture will look: the person's photo, where there is one, is the last of the sources.
    private func look(
        _ plan: Plan, _ kind: PictureKind, _ sources: [SourcePhoto], _ groups: [[Int]], _ model: ModelTraits
    ) -> PictureLook {
        let garments = sources.filter { $0.role == .garment }
        return PictureLook(
            kind: kind, provider: plan.provider, model: plan.model, size: plan.size, seed: plan.seed,
            prompt: plan.prompt,
            garments: garments.map {
                PictureLook.Piece(photo: $0.digest, name: $0.garment.name, category: $0.garment.category)
            },
            person: sources.first { $0.role == .person }?.digest,
            isLaidOut: model.prompt == nil || groups.contains { $0.count > 1 })
    }

    func expired(_ request: JobRequest) -> JobFailure? {
        guard let limit = request.notAfter, limit.nanoseconds < wallClock() else { return nil }
        return JobFailure(
            .expired,
            "The request was not to be submitted after \(limit.rfc3339), and that has passed. Nothing was ordered. "
                + "Send it again with a later not_after.")
    }

    // MARK: - The order

    /// What a provider makes of a request.
    func choose(_ name: String, _ request: JobRequest) throws(JobFailure) -> Offer {
        let provider: any Provider
        switch providers.entry(name) {
        case .ready(let found): provider = found
        case .missing(_, let displayName, let setting): throw .notConfigured(displayName, setting)
        case nil: throw .unknownProvider(name, providers.names)
        }
        let traits = provider.traits
        var problems: [Problem] = []
        let able = traits.models(for: request.kind)
        guard let model = traits.model(request.model, for: request.kind) ?? (able.isEmpty ? traits.model(nil) : nil)
        else {
            let names = able.map(\.name).joined(separator: ", ")
            let what = request.kind == .video ? " for films" : ""
            throw .invalid(
                problems + [Problem(path: "model", message: "\(traits.displayName) has \(names)\(what).")])
        }
        let size = request.ratio.map(PixelSize.init) ?? model.defaultSize
        if !model.sizes.admits(size) {
            let path = request.viewPath(to: "ratio") { $0.ratio != nil }
            problems.append(Problem(path: path, message: "\(traits.displayName) makes \(model.sizes.phrase)."))
        }
        if request.seed != nil && !model.takesSeed {
            let path = request.viewPath(to: "seed") { $0.seed != nil }
            problems.append(Problem(path: path, message: "\(traits.displayName) takes no seed; leave it out."))
        }
        // Of a film it concerns the still that is animated, and that is there.
        if request.personImage != nil && !model.takesPersonImage && !model.kinds.contains(.video) {
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
        if !problems.isEmpty { throw .invalid(problems) }
        return Offer(provider: provider, model: model, size: size)
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
        var brief = PromptBrief(
            descriptor: descriptor, pictures: groups.map { $0.map { pieces[$0] } }, directions: request.prompt,
            stylingNotes: outfit.stylingNotes, styleWords: profile.styleWords, feelingNow: profile.feelingNow,
            wantToFeel: profile.wantToFeel)
        brief.showsPerson = request.personImage != nil
        return (PromptWriter.write(brief, by: rule), source)
    }

    // MARK: - Reference pictures

    /// Which garments are on which picture; one picture is the person's where there is one.
    private func grouped(_ garments: Int, _ model: ModelTraits, besidePerson: Bool) throws(StepTrouble) -> [[Int]] {
        guard takes(garments, model, besidePerson: besidePerson) else { throw .job(.tooManyGarments(garments, model)) }
        let most = model.references.count.upperBound - taken(model, besidePerson)
        return SheetPlan(garments: garments, pictures: most).groups(of: Array(0..<garments))
    }

    /// Whether an outfit of so many garments can be made with a model.
    private func takes(_ garments: Int, _ model: ModelTraits, besidePerson: Bool) -> Bool {
        let taken = taken(model, besidePerson)
        let (least, most) = (model.references.count.lowerBound - taken, model.references.count.upperBound - taken)
        return garments >= least && most > 0 && (garments <= most || model.references.sharesSheets)
    }

    private func taken(_ model: ModelTraits, _ besidePerson: Bool) -> Int {
        besidePerson && model.references.countsPerson ? 1 : 0
    }

    /// One picture a group: the photo itself, or a sheet where several garments share one or where the photo is too
    /// slim, or with more pixels than `room` too large, for the model. The person's comes last.
    private func pictures(_ photos: [Reference], _ groups: [[Int]], _ model: ModelTraits, _ room: Int)
        async throws(StepTrouble) -> [Reference]
    {
        let size = Pipeline.sheetSize.shrunk(to: room)
        var pictures: [Reference] = []
        let people = photos.indices.filter { photos[$0].role == .person }
        for group in groups + people.map({ [$0] }) {
            let members = group.map { photos[$0] }
            if let photo = members.first, members.count == 1, model.references.admits(photo),
                photo.width * photo.height <= room
            {
                pictures.append(photo)
            } else {
                var sheet = try await sheet(members, size)
                sheet.role = members[0].role
                pictures.append(sheet)
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

    /// A photo as it lies in the wardrobe, open.
    private struct SourcePhoto: Sendable {
        let garment: Garment
        let role: ReferenceRole
        let photo: OpenedPhoto
        let digest: SHA256Digest
    }

    /// A photo that is needed, and how a result names the place that asks for it.
    private struct WantedPhoto: Sendable {
        let garment: Garment
        let role: ReferenceRole
        let path: String
    }

    private enum PhotoTrouble: Error {
        case unreadable(String)
        case step(StepTrouble)
    }

    /// Every photo opened, with its digest, in the outfit's order and the person's at the end. All that cannot be used
    /// are named together, those too that open and do not decode.
    private func sources(_ garments: [Garment], person: String?, _ user: UserID) async throws(StepTrouble)
        -> [SourcePhoto]
    {
        var wanted = garments.enumerated().map {
            WantedPhoto(garment: $1, role: .garment, path: "items[\($0)]")
        }
        if let person {
            let garment = Garment(name: "The person", candidates: [person])
            wanted.append(WantedPhoto(garment: garment, role: .person, path: "person_image"))
        }
        let opened = await each(wanted) { await self.opened($0, user) }
        let sources = opened.compactMap(\.value)
        if sources.count == wanted.count { return sources }
        let outcomes = await each(opened) { outcome -> Result<Reference, PhotoTrouble> in
            switch outcome {
            case .success(let source): await self.prepared(source)
            case .failure(let trouble): .failure(trouble)
            }
        }
        throw try unreadable(outcomes, wanted.map(\.path))
    }

    /// Every photo made ready, in the same order.
    private func ready(_ sources: [SourcePhoto]) async throws(StepTrouble) -> [Reference] {
        let outcomes = await each(sources) { await self.prepared($0) }
        let references = outcomes.compactMap(\.value)
        if references.count == sources.count { return references }
        let paths = sources.enumerated().map { $1.role == .person ? "person_image" : "items[\($0)]" }
        throw try unreadable(outcomes, paths)
    }

    /// The failure that names every photo that cannot be used.
    private func unreadable<Photo>(_ outcomes: [Result<Photo, PhotoTrouble>], _ paths: [String])
        throws(StepTrouble) -> StepTrouble
    {
        var problems: [Problem] = []
        for (outcome, path) in zip(outcomes, paths) {
            switch outcome {
            case .success: continue
            case .failure(.unreadable(let sentence)): problems.append(Problem(path: path, message: sentence))
            case .failure(.step(let trouble)): throw trouble
            }
        }
        return .job(.unreadable(problems, of: paths.count, withPerson: paths.last == "person_image"))
    }

    /// `work` on all at once; the answers in their order.
    private func each<Item: Sendable, Answer: Sendable>(
        _ items: [Item], _ work: @escaping @Sendable (Item) async -> Answer
    ) async -> [Answer] {
        await withTaskGroup(of: (Int, Answer).self) { group in
            for (index, item) in items.enumerated() { group.addTask { (index, await work(item)) } }
            var all = [Answer?](repeating: nil, count: items.count)
            for await (index, answer) in group { all[index] = answer }
            return all.compactMap { $0 }
        }
    }

    private func opened(_ wanted: WantedPhoto, _ user: UserID) async -> Result<SourcePhoto, PhotoTrouble> {
        let photo: OpenedPhoto
        do throws(WardrobeFailure) {
            photo = try await wardrobe.openPhoto(wanted.garment, of: user)
        } catch {
            return .failure(
                error.code == .garmentUnreadable ? .unreadable(sentence(error.message)) : .step(StepTrouble(error)))
        }
        do throws(ImageFailure) {
            let digest = try await photos.digest(of: photo.file)
            return .success(SourcePhoto(garment: wanted.garment, role: wanted.role, photo: photo, digest: digest))
        } catch {
            return .failure(trouble(wanted.garment, photo, error))
        }
    }

    private func prepared(_ source: SourcePhoto) async -> Result<Reference, PhotoTrouble> {
        do throws(ImageFailure) {
            let ready = try await photos.prepare(source.photo.file, digest: source.digest)
            var reference = Reference(source.garment, ready)
            reference.role = source.role
            return .success(reference)
        } catch {
            return .failure(trouble(source.garment, source.photo, error))
        }
    }

    private func trouble(_ garment: Garment, _ photo: OpenedPhoto, _ failure: ImageFailure) -> PhotoTrouble {
        if failure.code.isOurs { return .step(.job(.imagingUnavailable(garment.name, failure))) }
        return .unreadable("\(garment.name) (\(photo.path)): \(failure.message)")
    }
}

extension Result {
    /// What it brought; nil for a failure.
    fileprivate var value: Success? {
        if case .success(let value) = self { value } else { nil }
    }
}

extension JobRequest {
    /// Where a choice was made: the one view's key where it chose for itself.
    fileprivate func viewPath(to key: String, _ chose: (View) -> Bool) -> String {
        views.first.map(chose) ?? false ? "views[0].\(key)" : key
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
            backdrop: photo.shape.backdrop, image: photo.bytes, digest: photo.content.hex)
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
