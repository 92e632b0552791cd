// Whether this journal belongs to this spool.
//
// A pure value. Both carry the same random id. A spool with work in progress beside another journal (a restored backup,
// a wrong `state.dir`) would be worked on without knowing what was already paid; that is refused with an explanation.

/// The verdict over a spool and a journal.
package enum SpoolBinding: Hashable, Sendable {
    /// They know each other.
    case bound
    /// The journal takes this id (and the spool too, where it has none yet).
    case adopt(String)
    /// The spool has no id and nothing in progress: it takes the journal's.
    case give(String)
    /// They do not belong together; the sentence says why and what to do.
    case refused(String)

    /// Judges. `journal` and `spool` are the ids that each carries; "has work" is files in `processing/` for the spool,
    /// open rows for the journal; `newID` is used when neither has one.
    ///
    ///     journal  spool  spool has work  journal has work
    ///     none     none   no                                 adopt(newID)
    ///     none     Y      no                                 adopt(Y)
    ///     none     any    yes                                refused: a new journal cannot know what was paid
    ///     X        X                                         bound
    ///     X        Y                                         refused: another spool's journal
    ///     X        none   no              no                 give(X)
    ///     X        none   no              yes                refused: the journal's work is not in this spool
    ///     X        none   yes                                refused: the spool's work is not in this journal
    package static func judge(
        journal: String?, spool: String?, spoolHasWork: Bool, journalHasWork: Bool, newID: String
    ) -> SpoolBinding {
        switch (journal, spool) {
        case (nil, _) where spoolHasWork: .refused(Sentence.newJournal)
        case (nil, _): .adopt(spool ?? newID)
        case (let journal?, let spool?): journal == spool ? .bound : .refused(Sentence.otherSpool)
        case (_, nil) where spoolHasWork: .refused(Sentence.strangeWork)
        case (_, nil) where journalHasWork: .refused(Sentence.lostWork)
        case (let journal?, nil): .give(journal)
        }
    }

    private enum Sentence {
        static let newJournal = """
            The spool has jobs in processing/, but the journal in state.dir is new and does not know what was already \
            ordered for them. Point state.dir at the journal that belongs to this spool. If that one is lost for good, \
            `vizd recover --journal-lost` moves what may have been paid for to failed/ and the rest back to incoming/ \
            (first with --dry-run, which only shows it).
            """
        static let otherSpool = """
            The journal in state.dir belongs to another spool. Give each spool a state.dir of its own, or restore the \
            pair that belongs together. If this spool's journal is lost for good, point state.dir at an empty folder; \
            `vizd recover --journal-lost` then sees to the jobs that were in progress.
            """
        static let strangeWork = """
            The spool has jobs in processing/ but no id, and the journal in state.dir belongs to another spool. Point \
            state.dir at the journal that belongs to this spool. If that one is lost for good, point state.dir at an \
            empty folder; `vizd recover --journal-lost` then moves what may have been paid for to failed/ and the rest \
            back to incoming/.
            """
        static let lostWork = """
            The journal in state.dir has jobs in progress, but this spool is new and does not hold them. Point \
            spool.dir at the spool that belongs to this journal, or give the new spool a state.dir of its own.
            """
    }
}
