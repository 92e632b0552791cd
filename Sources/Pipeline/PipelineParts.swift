// What the pipeline is made of: the parts that it works with, the time that it lives by, and what the configuration
// says.

package import Imaging
package import Ledger
package import Providers
internal import Synchronization
package import Transfer
package import Wardrobe

/// What the pipeline asks of the configuration. Times in nanoseconds.
package struct PipelineSettings: Sendable {
    /// The provider of a request that names none.
    package var provider: String
    /// Providers that serve while it takes no orders, in order.
    package var fallback: [String] = []
    /// The version that results name.
    package let version: String
    /// Who wears the outfit when neither the request nor the user's profile says.
    package var modelDescriptor: String?
    /// Seconds after which a lost order is sent again, by provider; none where a person decides.
    package var resubmitAfter: [String: Double] = [:]
    package var poll = PollRule()
    package var budget = BudgetLimits.none
    /// From a job's first submission.
    package var jobDeadline: Int64 = 900_000_000_000
    /// Bytes of a fetched picture.
    package var downloadBytes = 64 << 20
    /// A fetch without a byte for this long is broken off.
    package var stall: Int64 = 20_000_000_000
    /// From the end of a task whose figure may still change until it is read once more.
    package var recheckAfter: Int64 = 300_000_000_000

    package init(provider: String, version: String) { (self.provider, self.version) = (provider, version) }
}

/// The settings of this moment, shared by all jobs: whoever waits for minutes acts by those of the end of the wait.
final class SettingsBox: Sendable {
    private let settings: Mutex<PipelineSettings>

    init(_ settings: PipelineSettings) { self.settings = Mutex(settings) }

    var value: PipelineSettings {
        get { settings.withLock { $0 } }
        set { settings.withLock { $0 = newValue } }
    }
}

/// The clocks and the chance that jobs live by.
package struct PipelineTime: Sendable {
    /// Nanoseconds since 1970.
    package let wallClock: @Sendable () -> Int64
    /// Nanoseconds, for measuring and waiting.
    package let monotonicClock: @Sendable () -> Int64
    /// Returns at a moment of the monotonic clock.
    package let sleep: @Sendable (Int64) async -> Void
    /// Calls at a moment of the monotonic clock, from a thread of its own: at once for one that is over.
    let ring: @Sendable (Int64, @escaping @Sendable () -> Void) -> Void
    /// 0 to 1, evenly.
    package let dice: @Sendable () -> Double

    /// Without `ring` a task sleeps for each.
    package init(
        wallClock: @escaping @Sendable () -> Int64, monotonicClock: @escaping @Sendable () -> Int64,
        sleep: @escaping @Sendable (Int64) async -> Void,
        ring: (@Sendable (Int64, @escaping @Sendable () -> Void) -> Void)? = nil,
        dice: @escaping @Sendable () -> Double
    ) {
        (self.wallClock, self.monotonicClock, self.sleep, self.dice) = (wallClock, monotonicClock, sleep, dice)
        self.ring =
            ring ?? { moment, body in
                Task {
                    await sleep(moment)
                    body()
                }
            }
    }
}

/// The parts that jobs are worked on with.
package struct PipelineParts: Sendable {
    package let providers: ProviderRegistry
    package let transfer: any Transferring
    package let wardrobe: any Wardrobe
    package let journal: Journal
    package let photos: PreparedPhotos
    package let workers: ImageWorkers
    /// Draws the sheets on which garments share a picture.
    package let painter: any SheetPainting
    package let work: WorkFolder
    package let desk: ProviderDesk

    package init(
        providers: ProviderRegistry, transfer: any Transferring, wardrobe: any Wardrobe, journal: Journal,
        photos: PreparedPhotos, workers: ImageWorkers, painter: any SheetPainting, work: WorkFolder, desk: ProviderDesk
    ) {
        (self.providers, self.transfer, self.wardrobe, self.journal) = (providers, transfer, wardrobe, journal)
        (self.photos, self.workers, self.painter, self.work) = (photos, workers, painter, work)
        self.desk = desk
    }
}
