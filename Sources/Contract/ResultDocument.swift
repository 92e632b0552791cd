// How a job ended: `NAME.result.json` beside the request in `done/` or `failed/`.
//
// A complete and a failed one have the same keys, `error` in place of `result`; what does not apply is null. Several
// lines, since people open these files. Error messages are redacted on the way out, and the request's metadata goes
// through as the text that it came as.

/// The end of a job.
package struct ResultDocument: Equatable, Sendable {
    /// The request's NAME.
    package var jobID: String
    /// Percent: 100, or where it stopped.
    package var progress: Int
    /// How it ended.
    package var outcome: Outcome
    /// Views that could not be made, in the order of the request, where others could.
    package var failedViews: [FailedView] = []
    /// What it cost, all attempts together, of all its parts.
    package var cost: Cost
    /// How long it took.
    package var timing: Timing
    /// Whose job it was; nil where the request could not be read.
    package var userID: String?
    /// The outfit; nil where the request could not be read or has none.
    package var outfitID: String?
    /// Attempts at generating; 0 where it did not get that far.
    package var attempts: Int
    /// SHA-256 of the request's bytes in hexadecimal; nil where they could not be read.
    package var requestSHA256: String?
    /// The uid of the file's owner, who sent the request; nil where the file could not be looked at.
    package var submitterUID: UInt32?
    /// The request's metadata as source text of one JSON object; `{}` where it has none.
    package var metadata: [UInt8]
    /// When it ended.
    package var finishedAt: Timestamp
    /// The version of vizd that wrote this.
    package var version: String

    /// A result with all that it says; cost and timing where there are any.
    package init(
        jobID: String, progress: Int, outcome: Outcome, cost: Cost = Cost(), timing: Timing = Timing(),
        userID: String?, outfitID: String?, attempts: Int, requestSHA256: String?, metadata: [UInt8]?,
        finishedAt: Timestamp, version: String
    ) {
        self.jobID = jobID
        self.progress = progress
        self.outcome = outcome
        self.cost = cost
        self.timing = timing
        self.userID = userID
        self.outfitID = outfitID
        self.attempts = attempts
        self.requestSHA256 = requestSHA256
        self.metadata = metadata ?? Self.noMetadata
        self.finishedAt = finishedAt
        self.version = version
    }

    static let noMetadata = Array("{}".utf8)

    /// How a job ended.
    package enum Outcome: Equatable, Sendable {
        /// The picture is stored and the record updated. With several views, `views` has all of them in the order of
        /// the request, and `picture` is the first.
        case complete(picture: Picture, views: [View])
        /// The outfits of a batch have ended, and at least one of them is complete.
        case batch(Batch)
        /// An outfit's pictures are gone, and its record speaks of none: the addresses of what was removed, none where
        /// there was nothing.
        case removed([String])
        /// The user's profile says this of the person; nil for nothing.
        case profile(modelDescriptor: String?)
        /// It did not work.
        case failed(Failure)

        /// `complete` or `failed`.
        package var status: String {
            switch self {
            case .complete, .batch, .removed, .profile: "complete"
            case .failed: "failed"
            }
        }
    }

    /// The jobs of a batch.
    package struct Batch: Equatable, Sendable {
        /// One for each outfit, in the order of the request.
        package var members: [Member]

        /// A batch of these.
        package init(members: [Member]) { self.members = members }

        /// How many are complete.
        package var complete: Int { members.count(where: \.isComplete) }
        /// How many failed.
        package var failed: Int { members.count - complete }

        /// One of them.
        package struct Member: Equatable, Sendable {
            /// The outfit.
            package var outfitID: String
            /// The name under which its own result lies in `done/` or `failed/`.
            package var jobID: String
            /// Whether it is complete; else it failed.
            package var isComplete: Bool

            /// How the job of an outfit ended.
            package init(outfitID: String, jobID: String, isComplete: Bool) {
                (self.outfitID, self.jobID, self.isComplete) = (outfitID, jobID, isComplete)
            }
        }
    }

    /// One of several pictures that could not be made.
    package struct FailedView: Equatable, Sendable {
        /// The view's name in the request.
        package var name: String
        /// Why.
        package var failure: Failure

        /// A failure under a view's name.
        package init(name: String, failure: Failure) { (self.name, self.failure) = (name, failure) }
    }

    /// One stored picture.
    package struct Picture: Equatable, Sendable {
        /// Where it is: a path relative to the wardrobe's parent, or an address.
        package var imageURL: String
        /// Where it is for programs on this machine, or in the bucket.
        package var storage: Storage
        /// Seconds from the first call to the provider until the picture was there.
        package var generationTime: Double
        /// The provider's name: `Runway ML`, `Flat lay`.
        package var provider: String
        /// How it was made.
        package var making: Making
        /// What it is.
        package var image: ImageFacts

        /// A picture with all that is known of it.
        package init(
            imageURL: String, storage: Storage, generationTime: Double, provider: String, making: Making,
            image: ImageFacts
        ) {
            self.imageURL = imageURL
            self.storage = storage
            self.generationTime = generationTime
            self.provider = provider
            self.making = making
            self.image = image
        }
    }

    /// One of several pictures.
    package struct View: Equatable, Sendable {
        /// The view's name in the request.
        package var name: String
        /// The picture itself.
        package var picture: Picture

        /// A picture under a view's name.
        package init(name: String, picture: Picture) {
            self.name = name
            self.picture = picture
        }
    }

    /// Where a picture is kept.
    package enum Storage: Equatable, Sendable {
        /// `image_path`: an absolute path.
        case local(path: String)
        /// `storage_uri`: `s3://BUCKET/KEY`.
        case s3(uri: String)
    }

    /// How a picture was made: `metadata` of a result. Nil where the provider has no such thing.
    package struct Making: Equatable, Sendable {
        /// The provider's task.
        package var taskID: String?
        /// The provider's model.
        package var model: String?
        /// Whether the descriptor came from the user's profile.
        package var userLevelDescriptor = false
        /// Whether a descriptor was used at all.
        package var modelDescriptorUsed = false
        /// `W:H`.
        package var ratio: String?
        /// The seed that was asked for.
        package var seed: UInt32?
        /// The prompt as it was sent.
        package var prompt: String?
        /// Garment images that the provider was given.
        package var references = 0
        /// Whether a stored picture of the same outfit answered the request.
        package var reused = false

        /// Nothing said yet.
        package init() {}
    }

    /// The stored file.
    package struct ImageFacts: Equatable, Sendable {
        /// Pixels.
        package var width: Int
        /// Pixels.
        package var height: Int
        /// The size of the file.
        package var bytes: Int
        /// Of the file, in hexadecimal.
        package var sha256: String
        /// `image/jpeg`, `video/mp4`.
        package var contentType: String
        /// How long a film lasts, in seconds; nil for a picture.
        package var duration: Double?

        /// The facts about a file.
        package init(
            width: Int, height: Int, bytes: Int, sha256: String, contentType: String, duration: Double? = nil
        ) {
            self.width = width
            self.height = height
            self.bytes = bytes
            self.sha256 = sha256
            self.contentType = contentType
            self.duration = duration
        }
    }

    /// What a job cost.
    package struct Cost: Equatable, Sendable {
        /// The provider's own units; nil for one that has none.
        package var credits: Double?
        /// US dollars.
        package var usd: Double
        /// The provider's final figure is not known; this is the estimate.
        package var uncertain: Bool

        /// What was spent; nothing, unless said otherwise.
        package init(credits: Double? = 0, usd: Double = 0, uncertain: Bool = false) {
            self.credits = credits
            self.usd = usd
            self.uncertain = uncertain
        }
    }

    /// Seconds spent in each stage; nil for one that was not reached.
    package struct Timing: Equatable, Sendable {
        /// From the arrival in `incoming/` to the start of the work.
        package var queued: Double?
        /// Those that were reached.
        package var stages: [Stage: Double]
        /// From the claim to the end.
        package var total: Double?

        /// What has been measured.
        package init(queued: Double? = nil, stages: [Stage: Double] = [:], total: Double? = nil) {
            self.queued = queued
            self.stages = stages
            self.total = total
        }
    }

    /// Why it did not work.
    package struct Failure: Error, Equatable, Sendable {
        /// The reason as one word.
        package var code: ResultCode
        /// A sentence for a person that says what to do. Secrets are removed when it is written.
        package var message: String
        /// Where it stopped; nil if before the first stage.
        package var stage: Stage?
        /// Whether the same job can succeed when it is run again.
        package var retryable: Bool
        /// Every problem of an `invalid_request`, or every garment that could not be read; else empty.
        package var details: [Problem] = []
        /// The status of the answer that decided it.
        package var httpStatus: Int?
        /// The provider's own code.
        package var providerCode: String?
        /// The provider's task.
        package var taskID: String?
        /// The jobs of a batch of which none is complete.
        package var batch: Batch?

        /// A failure that is retryable as its code says, unless the caller knows better. One that a person has to
        /// judge never is.
        package init(code: ResultCode, message: String, stage: Stage?, retryable: Bool? = nil) {
            self.code = code
            self.message = message
            self.stage = stage
            self.retryable = code.byHand ? false : retryable ?? code.retryable
        }

        /// A request that was refused.
        package init(_ fault: RequestFault) {
            self.init(code: fault.code, message: fault.message, stage: nil)
            details = fault.details
        }
    }
}

// MARK: Keys

/// A key of a result. `result` stands in a complete one, `error` in a failed one.
enum ResultKey: String, CaseIterable {
    case jobID = "job_id"
    case status
    case progress
    case result
    case error
    case cost
    case timing
    case userID = "user_id"
    case outfitID = "outfit_id"
    case attempts
    case requestSHA256 = "request_sha256"
    case submitterUID = "submitter_uid"
    case metadata
    case finishedAt = "finished_at"
    case version = "vizd"
}

/// A key of `result` and of an element of `result.images`.
enum PictureKey: String, CaseIterable {
    case view
    case imageURL = "image_url"
    case imagePath = "image_path"
    case storageURI = "storage_uri"
    case generationTime = "generation_time"
    case provider
    case metadata
    case image
    case images
    case failedViews = "failed_views"
}

/// A key of an element of `result.failed_views`.
enum FailedViewKey: String, CaseIterable {
    case view
    case error
}

/// A key of a batch's `result`, and of the `error` of one of which every outfit failed.
enum BatchKey: String, CaseIterable {
    case results
    case complete
    case failed
}

/// A key of an element of a batch's `results`.
enum MemberKey: String, CaseIterable {
    case outfitID = "outfit_id"
    case jobID = "job_id"
    case status
}

/// A key of `result` where no picture was asked for.
enum ActionKey: String, CaseIterable {
    case removed
    case modelDescriptor = "model_descriptor"
}

/// A key of `result.metadata`.
enum MakingKey: String, CaseIterable {
    case taskID = "task_id"
    case model
    case userLevelDescriptor = "user_level_descriptor"
    case modelDescriptorUsed = "model_descriptor_used"
    case ratio
    case seed
    case prompt
    case references
    case reused
}

/// A key of `result.image`.
enum ImageKey: String, CaseIterable {
    case width
    case height
    case bytes
    case sha256
    case contentType = "content_type"
    case duration
}

/// A key of `cost`.
enum CostKey: String, CaseIterable {
    case credits
    case usd
    case uncertain
}

/// A key of `timing`.
enum TimingKey: String, CaseIterable {
    case queued
    case prepare
    case generate
    case download
    case store
    case update
    case total

    /// The stage whose seconds stand there.
    var stage: Stage? { Stage(rawValue: rawValue) }
}

/// A key of `error`.
enum ErrorKey: String, CaseIterable {
    case code
    case message
    case stage
    case retryable
    case byHand = "by_hand"
    case details
    case httpStatus = "http_status"
    case providerCode = "provider_code"
    case taskID = "task_id"
}

/// A key of an element of `error.details`.
enum ProblemKey: String, CaseIterable {
    case path
    case message
}
