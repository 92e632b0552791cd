// What the providers' accounts may do: read at the start, every hour and after each reload, told to the log and to the
// desk where orders wait for a place. The calls are free; one that fails changes nothing, and is made again in an hour.

import Contract
import Linux
import Logging
import Pipeline
import Providers
import Synchronization

/// Reads the accounts of all providers that tell.
final class AccountWatch: Sendable {
    private let providers: ProviderRegistry
    private let desk: ProviderDesk
    private let log: Logger
    private let alarms: Alarms
    private let pool: BlockingPool
    private let entries: @Sendable (Settings) -> [ProviderEntry]
    /// Nanoseconds.
    private static let interval: Int64 = 3_600_000_000_000

    /// `entries` makes the providers of a configuration.
    init(
        providers: ProviderRegistry, desk: ProviderDesk, log: Logger, alarms: Alarms, pool: BlockingPool,
        entries: @escaping @Sendable (Settings) -> [ProviderEntry]
    ) {
        (self.providers, self.desk, self.log, self.alarms) = (providers, desk, log, alarms)
        (self.pool, self.entries) = (pool, entries)
    }

    /// Reads now and then every hour, as long as the program runs.
    func begin() {
        Task(executorPreference: pool) { [self] in
            while true {
                await read()
                await alarms.sleep(until: MonotonicClock.now() + AccountWatch.interval)
            }
        }
    }

    /// The configuration was read again: providers are made anew, and nobody is left alone any more.
    func adopt(_ settings: Settings) {
        providers.replace(entries(settings))
        desk.release()
        Task(executorPreference: pool) { [self] in await read() }
    }

    private func read() async {
        for name in providers.names {
            guard let provider = providers.provider(name) else { continue }
            do throws(ProviderFailure) {
                guard let account = try await provider.account() else { continue }
                desk.read(account, of: name)
                tell(account, of: provider.traits)
            } catch {
                log.warning("provider.account_unread", metadata: ["provider": "\(name)", "reason": "\(error.message)"])
            }
        }
    }

    /// The configured model's limits; those of the others stand in the log at `debug`, since an account lists dozens.
    private func tell(_ account: Account, of traits: ProviderTraits) {
        let credits = account.balance.map { "\($0)" } ?? "unknown"
        for (index, model) in traits.models.enumerated() {
            guard let allowance = account.models[model.name] else { continue }
            log.log(
                level: index == 0 ? .notice : .debug, "provider.account",
                metadata: [
                    "provider": "\(traits.id)", "credits": "\(credits)", "model": "\(model.name)",
                    "at_once": "\(allowance.concurrent.map(String.init) ?? "any")",
                    "today": "\(allowance.usedToday.map(String.init) ?? "unknown")",
                    "a_day": "\(allowance.daily.map(String.init) ?? "any")",
                ])
        }
    }
}
