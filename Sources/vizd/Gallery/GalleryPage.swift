// The gallery as one page: no file beside it, no network, nothing in it that runs but its own script.
//
// The policy in its head admits exactly the script and the style of this program, by their hashes, and pictures that
// are in the page itself; so even a mistake in the page could fetch nothing and run nothing else. Without scripts it is
// a list of pictures with all that is known of each.

internal import Contract
internal import Digest

struct GalleryPage {
    let collection: GalleryCollection
    let filter: GalleryFilter
    let made: Timestamp
    let version: String

    /// The page, UTF-8.
    var bytes: [UInt8] { Array("<!doctype html>\n".utf8) + page.bytes + Array("\n".utf8) }

    /// What the browser may do with it.
    static let policy =
        "default-src 'none'; img-src data:; style-src 'sha256-\(hash(GalleryStyle.text))'; "
        + "script-src 'sha256-\(hash(GalleryScript.text))'; base-uri 'none'; form-action 'none'"

    private static func hash(_ text: StaticString) -> String { SHA256.of(Array(text.utf8)).base64 }

    private var page: HTML {
        .element(
            "html", [HTMLAttribute("lang", "en"), HTMLAttribute("class", "no-js")],
            [
                .element(
                    "head", [],
                    [
                        .element("meta", [HTMLAttribute("charset", "utf-8")]),
                        .element(
                            "meta",
                            [
                                HTMLAttribute("http-equiv", "Content-Security-Policy"),
                                HTMLAttribute("content", Self.policy),
                            ]),
                        .element("meta", [HTMLAttribute("name", "referrer"), HTMLAttribute("content", "no-referrer")]),
                        .element("meta", [HTMLAttribute("name", "robots"), HTMLAttribute("content", "noindex")]),
                        .element(
                            "meta",
                            [
                                HTMLAttribute("name", "viewport"),
                                HTMLAttribute("content", "width=device-width, initial-scale=1"),
                            ]),
                        .element("title", [], "vizd gallery"),
                        .element("style", [], [.own(GalleryStyle.text)]),
                    ]),
                .element(
                    "body", [],
                    [header, bar, main, footer, large, help, .element("script", [], [.own(GalleryScript.text)])]),
            ])
    }

    // MARK: Head

    private var header: HTML {
        let pictures = collection.entries.count(where: \.isComplete)
        let failed = collection.entries.count - pictures
        if collection.entries.isEmpty { return .element("header", [], [heading, sentence]) }
        var figures = [figure("\(pictures)", pictures == 1 ? "picture" : "pictures")]
        if failed > 0 { figures.append(figure("\(failed)", "failed", "bad")) }
        figures.append(figure("$\(dollars(spent))", "spent on them"))
        return .element(
            "header", [], [heading, .element("ul", [HTMLAttribute("class", "figures")], figures), sentence])
    }

    private var heading: HTML { .element("h1", [], [.text("vizd "), .element("span", [], "gallery")]) }

    private var sentence: HTML {
        .element(
            "p", [],
            [.text(about), .element("time", [HTMLAttribute("datetime", made.rfc3339)], GalleryPage.clock(made))])
    }

    private func figure(_ number: String, _ what: String, _ kind: String = "plain") -> HTML {
        .element("li", [HTMLAttribute("class", kind)], [.element("b", [], number), .text(" " + what)])
    }

    /// What was asked for, as the beginning of a sentence that ends in the time.
    private var about: String {
        var words = ["The latest results"]
        if let user = filter.user { words.append("of \(user)") }
        if let state = filter.state { words.append("that \(state == .complete ? "are complete" : "failed")") }
        if let since = filter.since { words.append("since \(GalleryPage.clock(Timestamp(nanoseconds: since)))") }
        return words.joined(separator: " ") + ", as of "
    }

    /// Each job once, however many pictures it made. Millionths of a dollar.
    private var spent: Int64 {
        var seen: Set<String> = []
        return collection.entries.reduce(0) { sum, entry in
            seen.insert(entry.job).inserted
                ? sum + Int64((min(max(entry.cost.usd, 0), 1e9) * 1_000_000).rounded()) : sum
        }
    }

    static func clock(_ moment: Timestamp) -> String {
        "\(moment.rfc3339.prefix(10)) \(moment.rfc3339.dropFirst(11).prefix(5)) UTC"
    }

    private var bar: HTML {
        let users = Set(collection.entries.compactMap(\.user)).sorted()
        // A user's id is behind a letter of ours, so that none is taken for "all".
        let options =
            [HTML.element("option", [HTMLAttribute("value", "")], "All users")]
            + users.map { .element("option", [HTMLAttribute("value", "=" + $0)], $0) }
        let states = [("all", "All"), ("complete", "Complete"), ("failed", "Failed")].map { value, label in
            HTML.element(
                "label", [],
                [
                    .element(
                        "input",
                        [
                            HTMLAttribute("type", "radio"), HTMLAttribute("name", "state"),
                            HTMLAttribute("value", value),
                        ] + (value == "all" ? [.flag("checked")] : [])), .element("span", [], label),
                ])
        }
        return .element(
            "div", [HTMLAttribute("class", "bar"), HTMLAttribute("role", "search")],
            [
                .element(
                    "input",
                    [
                        HTMLAttribute("type", "search"), HTMLAttribute("id", "search"),
                        HTMLAttribute("placeholder", "Search prompts, outfits, jobs …  /"),
                        HTMLAttribute("aria-label", "Search"), HTMLAttribute("autocomplete", "off"),
                        HTMLAttribute("spellcheck", "false"),
                    ] + unneeded),
                .element(
                    "select", [HTMLAttribute("id", "user"), HTMLAttribute("aria-label", "User")] + unneeded, options),
                .element(
                    "fieldset", [HTMLAttribute("class", "states")] + unneeded,
                    [.element("legend", [HTMLAttribute("class", "unseen")], "Outcome")] + states),
                button("theme", "Dark", [HTMLAttribute("aria-pressed", "false")]),
                button("keys", "Keys ?", [HTMLAttribute("aria-haspopup", "dialog")]),
                .element("p", [HTMLAttribute("id", "count"), HTMLAttribute("role", "status")] + unneeded),
            ])
    }

    /// Where there is nothing, nothing is searched.
    private var unneeded: [HTMLAttribute] { collection.entries.isEmpty ? [.flag("hidden")] : [] }

    private func button(_ id: String, _ label: String, _ more: [HTMLAttribute] = []) -> HTML {
        .element("button", [HTMLAttribute("type", "button"), HTMLAttribute("id", id)] + more, label)
    }

    // MARK: Cards

    private var main: HTML {
        let cards = collection.entries.map { GalleryCard(entry: $0).html }
        return .element(
            "main", [],
            [
                collection.entries.isEmpty
                    ? nothing
                    : .element("ul", [HTMLAttribute("class", "cards"), HTMLAttribute("role", "list")], cards),
                .element(
                    "div", [HTMLAttribute("class", "void"), HTMLAttribute("id", "none"), .flag("hidden")],
                    [
                        GalleryCard.hanger, .element("h2", [], "Nothing matches"),
                        .element("p", [], [button("clear", "Show everything")]),
                    ]),
            ])
    }

    private var nothing: HTML {
        let isFiltered = filter.user != nil || filter.state != nil || filter.since != nil
        let words: [HTML] =
            isFiltered
            ? [.text("Nothing in the spool is what was asked for. Without options the gallery shows all there is.")]
            : [
                .text("The first one: "), .element("code", [], "vizd submit --user USER --outfit OUTFIT --wait"),
            ]
        return .element(
            "div", [HTMLAttribute("class", "void")],
            [GalleryCard.hanger, .element("h2", [], "No pictures yet"), .element("p", [], words)])
    }

    private var footer: HTML {
        .element(
            "footer", [],
            collection.notes.map { .element("p", [], $0) }
                + [
                    .element(
                        "p", [],
                        "Made by vizd \(version) on this machine. The page holds all it shows and fetches nothing.")
                ])
    }

    // MARK: Dialogs

    private var large: HTML {
        .element(
            "dialog", [HTMLAttribute("id", "large"), HTMLAttribute("aria-labelledby", "large-title")],
            [
                .element(
                    "div", [HTMLAttribute("class", "large")],
                    [
                        .element("div", [HTMLAttribute("class", "stage")]),
                        .element(
                            "div", [HTMLAttribute("class", "side")],
                            [
                                .element(
                                    "div", [HTMLAttribute("class", "moves")],
                                    [
                                        button("earlier", "←", [HTMLAttribute("aria-label", "The one before")]),
                                        button("later", "→", [HTMLAttribute("aria-label", "The next one")]),
                                        button("close", "Close"),
                                    ]),
                                .element("h2", [HTMLAttribute("id", "large-title")]),
                                .element("div", [HTMLAttribute("class", "known")]),
                            ]),
                    ])
            ])
    }

    private var help: HTML {
        let keys = [
            ("← → ↑ ↓", "from card to card; in the large view, to the next"), ("Enter", "open the card"),
            ("Esc", "close; clear the filters"), ("/", "search"), ("d", "dark or light"), ("?", "this"),
        ]
        return .element(
            "dialog", [HTMLAttribute("id", "help"), HTMLAttribute("aria-labelledby", "help-title")],
            [
                .element("h2", [HTMLAttribute("id", "help-title")], "Keys"),
                .element(
                    "dl", [],
                    keys.flatMap { key, words -> [HTML] in
                        let pressed = key.split(separator: " ").map { HTML.element("kbd", [], String($0)) }
                        return [.element("dt", [], pressed), .element("dd", [], words)]
                    }), button("help-close", "Close"),
            ])
    }
}
