// What stands in a row, as the type that it should be. The library's own way in traps where a value does not fit: a
// journal that is damaged, or that somebody has edited, ends in a failure that says so, not in a crash at every start.

internal import GRDB

extension Row {
    /// The value of a column.
    /// - Throws: `corrupt` where there is none, or none of that type.
    func value<Value: DatabaseValueConvertible>(_ column: String) throws(JournalFailure) -> Value {
        guard let value: Value = try find(column) else { throw strange(column, "nothing") }
        return value
    }

    /// The value of a column that may be empty.
    /// - Throws: `corrupt` where there is one that is not of that type.
    func find<Value: DatabaseValueConvertible>(_ column: String) throws(JournalFailure) -> Value? {
        let stored: DatabaseValue = self[column]
        if stored.isNull { return nil }
        guard let value = Value.fromDatabaseValue(stored) else { throw strange(column, "\(stored)") }
        return value
    }

    private func strange(_ column: String, _ words: String) -> JournalFailure {
        JournalFailure(
            .corrupt,
            "The journal holds \(words.prefix(80)) as \(column), which no version of vizd writes. Restore it from a backup."
        )
    }
}
