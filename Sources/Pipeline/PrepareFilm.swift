// Stage 1 of a film: the outfit's stored still made ready, and the order that animates it. The still is what
// `OUTFIT.jpg` (or the view's picture) is at this moment; nobody makes it here.
//
// A service crops a picture whose shape is not the film's, and with it heads and shoes. So a still of another shape is
// laid whole on an even ground of the film's shape first, as far as the model takes that shape.

internal import Contract
internal import Digest
internal import Imaging
internal import Linux
internal import Providers
internal import Wardrobe

extension Pipeline {
    func prepareFilm(_ request: JobRequest, _ offers: [Offer], _ user: UserID, _ job: inout JobRun)
        async throws(StepTrouble) -> JobEvent
    {
        let garments = try await names(of: request, user)
        let still = try await still(of: job)
        let offer = pick(offers, &job)
        // What is stored of its own provider's is as good as ever, whoever makes the next one.
        var plans = [plan(of: offers[0], request, garments, still)]
        if offer.id != offers[0].id { plans.append(plan(of: offer, request, garments, still)) }
        for plan in plans {
            guard let event = try await reuse(plan, &job) else { continue }
            letGo(&job)
            return event
        }
        let plan = plans[plans.count - 1]
        let picture = try await framed(still, plan.size, offer.model, job)
        job.order = Order(
            kind: .video, model: offer.model, size: plan.size, seed: plan.seed, prompt: plan.prompt,
            references: [picture], seconds: plan.seconds)
        return .prepared(plan)
    }

    /// What would be ordered from a provider. The model's default size gives way to the one nearest to the still.
    private func plan(of offer: Offer, _ request: JobRequest, _ garments: [String], _ still: PreparedPhoto) -> Plan {
        let model = offer.model
        guard let seconds = model.seconds, let rule = model.prompt else {
            preconditionFailure("\(model.name) makes films without a length or a prompt")
        }
        let aspect = Double(still.shape.width) / Double(max(still.shape.height, 1))
        let size = request.ratio == nil ? model.sizes.nearest(to: aspect) ?? offer.size : offer.size
        let prompt = PromptWriter.write(FilmBrief(garments: garments, directions: request.prompt), by: rule)
        var plan = Plan(
            provider: offer.id, model: model.name, size: size, seed: request.seed, prompt: prompt,
            references: 1, usedDescriptor: false, usedProfileDescriptor: false, kind: .video, seconds: seconds)
        plan.fingerprint = look(plan, still).fingerprint
        return plan
    }

    /// What decides how the film will look: the still, and how long it moves.
    private func look(_ plan: Plan, _ still: PreparedPhoto) -> PictureLook {
        PictureLook(
            kind: .video, provider: plan.provider, model: plan.model, size: plan.size, seed: plan.seed,
            prompt: plan.prompt,
            garments: [
                PictureLook.Piece(
                    photo: SHA256.of(still.bytes), name: "\(plan.seconds ?? 0) s", category: nil)
            ], person: nil, isLaidOut: true)
    }

    /// What the outfit's garments are called. One that is in no record is told before anything is paid; one without
    /// garments may have a picture all the same.
    private func names(of request: JobRequest, _ user: UserID) async throws(StepTrouble) -> [String] {
        if let inline = request.outfit { return inline.items.map(\.name) }
        guard let id = request.outfitID.flatMap({ OutfitID($0) }) else {
            preconditionFailure("the contract let a request without an outfit through")
        }
        do throws(WardrobeFailure) {
            return try await wardrobe.outfit(id, of: user).items.map(\.name)
        } catch {
            if error.code == .noGarmentImages { return [] }
            throw StepTrouble(error)
        }
    }

    // MARK: - The still

    /// Whether the picture that a film would animate is stored. Where it cannot be looked for it counts as stored: the
    /// job then fails, or waits, in its own first step, before anything is ordered.
    package func hasStill(_ ticket: JobTicket) async -> Bool {
        let job = JobRun(ticket: ticket, startedAt: monotonicClock(), report: { _ in })
        do throws(WardrobeFailure) {
            return try await wardrobe.readPicture(job.storedName(.image)) != nil
        } catch {
            return true
        }
    }

    private func still(of job: JobRun) async throws(StepTrouble) -> PreparedPhoto {
        let name = job.storedName(.image)
        let stored: [UInt8]?
        do throws(WardrobeFailure) {
            stored = try await wardrobe.readPicture(name)
        } catch {
            throw StepTrouble(error)
        }
        guard let stored else { throw .job(.noStill(of: "\(job.outfit)")) }
        let file: OpenFile
        do throws(SystemFailure) {
            file = try OpenFile.inMemory(stored, label: "the stored picture")
        } catch {
            throw .job(.imagingUnavailable("The stored picture", .noMemory(error)))
        }
        do throws(ImageFailure) {
            return try await photos.prepare(file)
        } catch {
            if error.code.isOurs { throw .job(.imagingUnavailable("The stored picture", error)) }
            throw .job(.stillUnreadable(of: "\(job.outfit)", error))
        }
    }

    /// The still as it is, or whole on a ground of the film's shape.
    private func framed(_ still: PreparedPhoto, _ size: PixelSize, _ model: ModelTraits, _ job: JobRun)
        async throws(StepTrouble) -> Reference
    {
        let (width, height) = (still.shape.width, still.shape.height)
        let canvas = FilmFrame.canvas(width: width, height: height, film: size, rule: model.references)
        guard let canvas else { return Reference(still: still.bytes, width: width, height: height) }
        let whole = PixelRect(left: 0, top: 0, width: width, height: height)
        let target = PixelRect(
            left: (canvas.width - width) / 2, top: (canvas.height - height) / 2, width: width, height: height)
        let sheet = SheetOrder(
            width: canvas.width, height: canvas.height, ground: still.shape.backdrop ?? FilmFrame.ground,
            cells: [SheetCell(image: 0, crop: whole, target: target, backdrop: nil)])
        do throws(ImageFailure) {
            let framed = try await workers.compose(sheet, images: [still.bytes])
            return Reference(still: framed, width: canvas.width, height: canvas.height)
        } catch {
            throw .job(.imagingUnavailable("The stored picture", error))
        }
    }
}

/// The ground that a still is laid on where its shape is not the film's: a value.
enum FilmFrame {
    /// Nearly white, where the still has no even border whose colour could go on.
    static let ground: UInt32 = 0xF4F4F2
    /// A shape that differs from the film's by no more than this is left to be cropped.
    private static let tolerance = 1.03
    /// The longest side that an image worker draws.
    private static let edge = 8192

    /// The size of the ground in pixels, at least the still's on both sides; nil where the still goes as it is.
    static func canvas(width: Int, height: Int, film: PixelSize, rule: ReferenceRule) -> PixelSize? {
        guard width > 0, height > 0 else { return nil }
        let own = Double(width) / Double(height)
        var wanted = Double(film.width) / Double(film.height)
        if let allowed = rule.aspect { wanted = min(max(wanted, allowed.lowerBound), allowed.upperBound) }
        let isAllowed = rule.aspect?.contains(own) ?? true
        if isAllowed, max(own / wanted, wanted / own) <= tolerance { return nil }
        // Rounded towards the middle of what is allowed, so that a pixel does not make it too slim again.
        let size =
            own < wanted
            ? PixelSize(width: Int((Double(height) * wanted).rounded(wanted < 1 ? .up : .down)), height: height)
            : PixelSize(width: width, height: Int((Double(width) / wanted).rounded(wanted < 1 ? .down : .up)))
        guard max(size.width, size.height) <= edge, size.width >= width, size.height >= height else { return nil }
        return size
    }
}

extension Reference {
    /// A still that a film begins with.
    fileprivate init(still image: [UInt8], width: Int, height: Int) {
        self.init(
            name: "still", category: nil, width: width, height: height,
            content: PixelBox(left: 0, top: 0, width: width, height: height), backdrop: nil, image: image,
            digest: SHA256.of(image).hex)
    }
}

extension ImageFailure {
    fileprivate static func noMemory(_ failure: SystemFailure) -> ImageFailure {
        ImageFailure(.unavailable, "there is no memory for it (\(failure)). Try again later.")
    }
}
