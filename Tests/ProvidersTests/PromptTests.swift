// Prompts: the six of the example wardrobe word for word, and what holds for every brief there can be.

import Contract
import Foundation
import Testing

@testable import Providers

private typealias Piece = PromptBrief.Piece

private func brief(_ names: [String], _ change: (inout PromptBrief) -> Void = { _ in }) -> PromptBrief {
    var brief = PromptBrief(descriptor: nil, pictures: names.map { [Piece(name: $0, category: nil)] })
    change(&brief)
    return brief
}

private func text(_ brief: PromptBrief, limit: Int = 1000) -> String {
    PromptWriter.write(brief, by: PromptRule(limit: limit, mention: .tag)).text
}

private let ending = "only plain basics where a piece is missing."

@Suite("Prompts")
struct PromptTests {
    @Test("the prompts of the example outfits are these, word for word", arguments: 1...6)
    func fixtures(number: Int) throws {
        let outfit = try #require(Fixtures.outfits.first { $0.number == number })
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Prompts/outfit-\(number).txt")
        let written = PromptWriter.write(Fixtures.brief(outfit), by: Fixtures.gen4).text
        #expect(try String(contentsOf: file, encoding: .utf8) == written, "\(written)")
    }

    @Test("everything that is said has its place, in the order of the contract")
    func order() throws {
        let all = brief(["Teal Silk Shirt", "Boots"]) {
            $0.descriptor = "a tall man"
            $0.directions = "on a rainy street"
            $0.stylingNotes = "Half-tuck it"
            $0.styleWords = ["classic", "", "playful"]
            $0.feelingNow = "calm"
            $0.wantToFeel = "bold"
            $0.showsPerson = true
        }
        let written = PromptWriter.write(all, by: Fixtures.gen4)
        let pieces = [
            "Full-body fashion photo", "Model: the person in @person, a tall man.",
            "@teal_silk_shirt (Teal Silk Shirt)",
            "@boots (Boots)", "Directions: on a rainy street.", "Styling: Half-tuck it.", "Style: classic, playful.",
            "Mood: feels calm, wants to feel bold.", ending,
        ]
        var rest = written.text[...]
        for piece in pieces {
            let found = try #require(rest.firstRange(of: piece), "\(piece) in \(rest)")
            rest = rest[found.upperBound...]
        }
        #expect(rest.isEmpty && written.tags == ["teal_silk_shirt", "boots", "person"])
    }

    @Test("what is not said leaves no trace, and nobody's photo needs a studio that the request did not ask for")
    func little() {
        let bare = text(brief(["Hat"]))
        for label in ["Model:", "Directions", "Styling", "Style:", "Mood", "  "] { #expect(!bare.contains(label)) }
        #expect(bare.contains("studio") && bare.contains("The model wears @hat (Hat)."))
        #expect(!text(brief(["Hat"]) { $0.directions = "at the beach" }).contains("studio"))
        let blank = brief(["Hat"]) {
            $0.descriptor = " \n"
            $0.directions = "\u{200B}"
            $0.stylingNotes = ""
            $0.styleWords = ["", "@"]
        }
        #expect(text(blank) == bare)
        #expect(text(brief(["Hat"]) { $0.descriptor = "Model: tall" }).contains("Model: tall."))
        #expect(text(brief(["Hat"]) { $0.feelingNow = "calm" }).contains("Mood: feels calm."))
        #expect(text(brief(["Hat"]) { $0.wantToFeel = "bold" }).contains("Mood: wants to feel bold."))
        #expect(text(brief(["Hat"]) { $0.stylingNotes = "Bold!" }).contains("Styling: Bold! One"))
    }

    @Test("a sheet has one tag, and the prompt says what is on it")
    func sheets() {
        let pictures = [["Shirt", "Shorts"], ["Boots"], ["Hat", "日本"]].map { $0.map { Piece(name: $0, category: nil) } }
        let written = PromptWriter.write(PromptBrief(descriptor: nil, pictures: pictures), by: Fixtures.gen4)
        #expect(written.tags == ["sheet_1", "boots", "sheet_3"])
        #expect(
            written.text.contains(
                "these 5 garments: the 2 in @sheet_1 (Shirt, Shorts); @boots (Boots); the 2 in @sheet_3 (Hat, 日本)."
            ))
    }

    @Test("a model without tags is pointed to its pictures by their numbers")
    func numbers() {
        let all = brief(["Shirt", "Boots"]) { $0.showsPerson = true }
        let written = PromptWriter.write(all, by: PromptRule(limit: 4000, mention: .number(word: "Figure")))
        #expect(written.tags == [nil, nil, nil] && !written.text.contains("@"))
        #expect(
            written.text.contains("Figure 1 (Shirt), Figure 2 (Boots)") && written.text.contains("person in Figure 3"))
    }

    @Test("what is too long goes in the order mood, style, notes, directions, descriptor, names; tags and guard stay")
    func shortening() {
        func long(_ word: String, _ count: Int) -> String {
            Array(repeating: word, count: count).joined(separator: " ")
        }
        let sources = ["zmood", "zstyle", "znote", "zdirection", "zdescriptor", "zname"]
        var before = Set(sources)
        var gone: [String] = []
        for size in 1...60 {
            let all = brief([long("zname", size), long("zname", size)]) {
                $0.descriptor = long("zdescriptor", size)
                $0.directions = long("zdirection", size)
                $0.stylingNotes = long("znote", size)
                $0.styleWords = [long("zstyle", size)]
                $0.feelingNow = long("zmood", size)
            }
            let written = PromptWriter.write(all, by: PromptRule(limit: 800, mention: .tag))
            #expect(written.text.utf16.count <= 800 && written.text.hasSuffix(ending))
            for tag in written.tags { #expect(written.text.contains("@\(tag ?? "") ")) }
            let now = before.filter { written.text.contains($0) }
            gone += sources.filter { before.contains($0) && !now.contains($0) }
            before = now
        }
        #expect(gone == ["zmood", "zstyle", "znote", "zdirection", "zdescriptor"] && before == ["zname"])
    }

    @Test("a part gives no more than is needed, and the next one keeps all of its own")
    func noMoreThanNeeded() {
        for end in ["", "!", "?", "."] {
            let all = brief(["Hat"]) {
                $0.descriptor = "a tall man"
                $0.stylingNotes = String(repeating: "x", count: 640) + end
            }
            let written = text(all, limit: 800)
            #expect(written.contains("Model: a tall man.") && (799...800).contains(written.utf16.count), "\(end)")
        }
    }

    @Test("text is cut between words where that leaves half of it, and never within a character")
    func cuts() {
        func cut(_ text: String, _ room: Int) -> String { PromptText.cut(text, to: room, by: Fixtures.gen4) }
        #expect(cut("one two three", 13) == "one two three" && cut("one two three", 12) == "one two")
        #expect(cut("one two three", 7) == "one two" && cut("one, two", 5) == "one" && cut("unbreakable", 5) == "unbre")
        #expect(cut("👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 21) == "👩‍👩‍👧‍👦" && cut("👩‍👩‍👧‍👦", 10) == "")
        #expect(cut("e\u{301}e\u{301}", 3) == "e\u{301}")
        #expect(cut("🇯🇵🇯🇵", 7) == "🇯🇵" && cut("", 0) == "" && cut("x", 0) == "")
    }

    @Test("text of users is plain words: no line, no hidden sign, no mention")
    func cleaning() {
        let cases: [(String, String)] = [
            ("a\nb\r\nc\td\u{0}e", "a b c d e"), ("  a   b  ", "a b"), ("@teal_shirt by @me", "teal shirt by me"),
            ("\u{FF20}tag \u{FE6B}tag", "tag tag"), ("a\u{202E}b\u{2066}c\u{200B}d\u{FEFF}", "abcd"),
            ("\u{301}e\u{301}", "e\u{301}"), ("x \u{301}y", "x y"), ("👩‍👧", "👩‍👧"),
            ("a\u{2028}b\u{2029}c\u{85}d", "a b c d"),
            ("\u{E0041}\u{E000}a", "a"),
        ]
        for (dirty, clean) in cases {
            let expected = clean.replacing("teal shirt", with: "teal_shirt")
            let result = PromptText.clean(dirty, limit: 1000)
            #expect(result.unicodeScalars.elementsEqual(expected.unicodeScalars), "\(result)")
        }
        #expect(PromptText.clean(nil, limit: 10) == "")
        #expect(PromptText.clean(String(repeating: "👩‍👧", count: 9), limit: 10).unicodeScalars.count == 11)
        #expect(PromptText.clean(String(repeating: "ab", count: 1_000_000), limit: 10).utf16.count <= 12)
    }

    @Test("a prompt counted in scalars holds whole characters up to its limit")
    func scalars() {
        let family = "👩‍👩‍👧‍👦"
        let all = brief(["Hat"]) { $0.stylingNotes = String(repeating: family, count: 300) }
        let rule = PromptRule(limit: 1000, unit: .scalars, mention: .tag)
        let written = PromptWriter.write(all, by: rule).text
        let sent = written.drop { String($0) != family }.prefix { String($0) == family }
        #expect((993...1000).contains(rule.length(written)) && sent.count > 90, "\(sent.count)")
        #expect(written.contains(family + ". One person"))
    }

    // MARK: - Tags

    @Test("tags are read off the garments' names")
    func tags() {
        let cases: [(String, String)] = [
            ("Teal Silk Shirt", "teal_silk_shirt"), ("Black crew-neck T-shirt", "black_tshirt"), ("Hat", "hat"),
            ("Printed summer shorts", "printed_shorts"), ("Red knitted bobble hat", "red_hat"),
            ("A pair of the new boots", "boots"), ("Levi's 501 jeans", "levis_501_jeans"), ("501 jeans", "jeans"),
            ("Café crème blouse", "cafe_blouse"), ("Cafe\u{301}", "cafe"), ("Straße", "strasse"), ("Ærø", "aero"),
            ("Łódź q\u{303}oat", "lodz_qoat"), ("İstanbul", "istanbul"),
            ("Supercalifragilistic", "supercalifragili"), ("Supercalifragilistic dress", "dress"),
            ("Extraordinarily comfortable 3piece", "piece"), ("Extraordinarily comfortable 1999", "extraordinarily"),
            ("V neck", "vneck"), ("Größe XL, \"Ünïcödé\"", "grosse_unicode"), ("🧢 cap 🧢", "cap"), ("x_y-z", "xyz"),
        ]
        for (name, tag) in cases { #expect(PromptTags.word(name) == tag, "\(name)") }
        for name in ["", "日本のシャツ", "👗", "1 2 3", "@@@", "ab", "T", "Person", "the model", "شال"] {
            #expect(PromptTags.word(name) == nil, "\(name)")
        }
    }

    @Test("names without Latin letters fall back to the category and then to a number; equal ones are told apart")
    func fallbacks() {
        let pieces = [
            Piece(name: "シャツ", category: "tops"), Piece(name: "靴", category: nil), Piece(name: "帽子", category: "帽子"),
            Piece(name: "Tops", category: nil), Piece(name: "tops!", category: nil),
            Piece(name: "garment 2", category: nil),
            Piece(name: "Extraordinarily long", category: nil), Piece(name: "extraordinarily-long", category: nil),
        ]
        #expect(
            PromptTags.tags(pieces.map { [$0] }) == [
                "tops", "garment_2", "garment_3", "tops_2", "tops_3", "garment_2_2", "long", "long_2",
            ])
        #expect(
            PromptTags.tags((0..<3).map { _ in [Piece(name: "Abcdefghijklmnopqrs", category: nil)] }).last
                == "abcdefghijklmn_3")
        #expect(
            PromptTags.tags([[Piece(name: "sheet 2", category: nil)], [pieces[0], pieces[1]]]) == [
                "sheet_2", "sheet_2_2",
            ])
    }

    // MARK: - Any brief

    private static let scraps = [
        "shirt", "Teal", "@teal_shirt", "@", "日本語", "👩‍👩‍👧‍👦", "e\u{301}\u{302}\u{303}", "🇯🇵",
        "\u{202E}", "\n", "\u{0}", " ", "(", ")", ";", "\"",
        "\\", "ﷺ", "\u{200D}", "👍🏽", "नमस्ते", "a", ".", "!",
        "_", "9", "Figure 1", "\u{E0067}", "ﬁ", "ẞ",
    ]

    private static func scribble(_ dice: inout Dice, _ most: Int) -> String {
        if dice.roll(40) == 0 { return "e" + String(repeating: "\u{301}", count: 3000) }
        return (0..<dice.roll(most) + 1).map { _ in scraps[dice.roll(scraps.count)] }.joined(
            separator: ["", " "][dice.roll(2)])
    }

    private static func wild(_ dice: inout Dice) -> PromptBrief {
        let long = [3, 30, 3000][dice.roll(3)]
        let garments = (0..<dice.roll(40) + 1).map { _ in
            Piece(
                name: scribble(&dice, [2, 20, 400][dice.roll(3)]),
                category: dice.roll(2) == 0 ? nil : scribble(&dice, 2))
        }
        var brief = PromptBrief(
            descriptor: dice.roll(3) == 0 ? nil : scribble(&dice, long),
            pictures: SheetPlan(garments: garments.count, pictures: dice.roll(16) + 1).groups(of: garments))
        brief.directions = dice.roll(2) == 0 ? nil : scribble(&dice, long)
        brief.stylingNotes = dice.roll(2) == 0 ? nil : scribble(&dice, long)
        brief.styleWords = (0..<dice.roll(6)).map { _ in scribble(&dice, 3) }
        brief.feelingNow = dice.roll(2) == 0 ? nil : scribble(&dice, long)
        brief.wantToFeel = dice.roll(2) == 0 ? nil : scribble(&dice, long)
        brief.showsPerson = dice.roll(4) == 0
        return brief
    }

    /// What stands after each `@` of a prompt.
    private static func mentions(_ text: String) -> [String] {
        text.unicodeScalars.split(separator: "@", omittingEmptySubsequences: false).dropFirst().map { rest in
            String(rest.prefix { ("a"..."z").contains($0) || ("0"..."9").contains($0) || $0 == "_" })
        }
    }

    @Test("whatever a brief holds, its prompt fits, ends with the guard, mentions every tag once and nothing else")
    func anyBrief() throws {
        for seed in 1...400 {
            var dice = Dice(UInt64(seed))
            let brief = Self.wild(&dice)
            let limit = [800, 1000, 2500][dice.roll(3)]
            let unit: PromptRule.Unit = dice.roll(4) == 0 ? .scalars : .utf16
            let rule = PromptRule(limit: limit, unit: unit, mention: .tag)
            let written = PromptWriter.write(brief, by: rule)
            #expect(rule.length(written.text) <= limit && written.text.hasSuffix(ending), "seed \(seed)")
            let tags = written.tags.compactMap { $0 }
            #expect(tags.count == brief.pictures.count + (brief.showsPerson ? 1 : 0), "seed \(seed)")
            #expect(Set(tags).count == tags.count && tags.allSatisfy { isTag($0) }, "seed \(seed): \(tags)")
            #expect(Self.mentions(written.text).sorted() == tags.sorted(), "seed \(seed)")
            #expect(
                !written.text.contains("  ") && written.text.unicodeScalars.allSatisfy { $0.value >= 0x20 },
                "seed \(seed)")
            #expect(PromptWriter.write(brief, by: rule) == written, "seed \(seed)")
        }
    }

    private func isTag(_ tag: String) -> Bool { tag.wholeMatch(of: /[a-z][a-z0-9_]{2,15}/) != nil }

    @Test("forty garments on three pictures keep their tags, and each of their names a beginning")
    func forty() {
        let garments = (1...40).map {
            Piece(name: "Garment number \($0) of a long and winding description", category: nil)
        }
        let brief = PromptBrief(
            descriptor: String(repeating: "tall ", count: 200),
            pictures: SheetPlan(garments: 40, pictures: 3).groups(of: garments))
        let written = PromptWriter.write(brief, by: Fixtures.gen4)
        #expect(written.tags == ["sheet_1", "sheet_2", "sheet_3"] && written.text.utf16.count <= 1000)
        #expect(written.text.contains("the 14 in @sheet_1 (Garment") && written.text.utf16.count > 900)
    }

    // MARK: - Sheets

    @Test("garments are spread as evenly as possible, in their order, the fuller pictures first")
    func plans() {
        let cases: [(Int, Int, [Int])] = [
            (0, 3, []), (1, 3, [1]), (3, 3, [1, 1, 1]), (4, 3, [2, 1, 1]), (5, 3, [2, 2, 1]), (8, 3, [3, 3, 2]),
            (40, 3, [14, 13, 13]), (2, 1, [2]), (5, 14, [1, 1, 1, 1, 1]),
        ]
        for (garments, pictures, sizes) in cases {
            #expect(SheetPlan(garments: garments, pictures: pictures).sizes == sizes, "\(garments) on \(pictures)")
        }
        #expect(SheetPlan(garments: 5, pictures: 3).groups(of: Array("abcde")).map { String($0) } == ["ab", "cd", "e"])
        for garments in 0...60 {
            for pictures in 1...16 {
                let plan = SheetPlan(garments: garments, pictures: pictures)
                #expect(plan.groups(of: Array(0..<garments)).flatMap { $0 } == Array(0..<garments))
                #expect(plan.sizes.count <= pictures && (plan.sizes.max() ?? 1) - (plan.sizes.min() ?? 1) <= 1)
            }
        }
    }
}
