// How many jobs may be under way, in all and for each user: a value that the loop asks before it claims.

import Spool

/// The slots of jobs under way.
struct Slots {
    private var taken = 0
    private var perUser: [String?: Int] = [:]
    private var inFlight: Int
    private var inFlightPerUser: Int

    /// `inFlight` jobs at most, `perUser` of them of one user.
    init(inFlight: Int, perUser: Int) {
        precondition(inFlight > 0 && perUser > 0, "with no slot nothing would ever run")
        (self.inFlight, inFlightPerUser) = (inFlight, perUser)
    }

    /// New limits; jobs that are under way beyond them go on.
    mutating func resize(inFlight: Int, perUser: Int) {
        precondition(inFlight > 0 && perUser > 0, "with no slot nothing would ever run")
        (self.inFlight, inFlightPerUser) = (inFlight, perUser)
    }

    /// The users with jobs under way, and whether each has all their slots and is to be passed over.
    var users: [(user: String?, isFull: Bool)] { perUser.map { ($0.key, $0.value >= inFlightPerUser) } }

    /// How many may be under way.
    var limit: Int { inFlight }

    /// Jobs under way.
    var count: Int { taken }

    /// How many more may begin.
    var free: Int { max(0, inFlight - taken) }

    /// A job begins. Answers whether its user has all their slots now and is to be passed over.
    mutating func take(_ user: String?) -> Bool {
        taken += 1
        let count = (perUser[user] ?? 0) + 1
        perUser[user] = count
        return count >= inFlightPerUser
    }

    /// A job has ended. Answers whether its user, who was passed over, may have turns again.
    mutating func give(_ user: String?) -> Bool {
        precondition(taken > 0, "a slot came back that was never taken")
        taken -= 1
        let count = (perUser[user] ?? 0) - 1
        perUser[user] = count > 0 ? count : nil
        return count == inFlightPerUser - 1
    }
}
