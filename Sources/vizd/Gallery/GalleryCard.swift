// One card of the gallery's page: its face, and below it all that is known, which the large view shows.

internal import Contract

struct GalleryCard {
    let entry: GalleryEntry

    var html: HTML {
        .element(
            "li",
            [
                HTMLAttribute("class", entry.isComplete ? "card" : "card failed"),
                HTMLAttribute("data-user", entry.user ?? ""),
                HTMLAttribute("data-state", entry.isComplete ? "complete" : "failed"),
            ],
            [
                .element(
                    "button",
                    [
                        HTMLAttribute("class", "face"), HTMLAttribute("type", "button"),
                        HTMLAttribute("aria-haspopup", "dialog"),
                    ], [frame, caption]),
                .element("div", [HTMLAttribute("class", "more")], more),
            ])
    }

    private var title: String { entry.outfit ?? entry.job }

    // MARK: Face

    private var frame: HTML {
        var inside: [HTML] = []
        switch entry.face {
        case .failure(let code, let message, _):
            inside.append(
                span(
                    "complaint",
                    [span("code", [.text(code)]), span("said", [.element("bdi", [], message)])]))
        case .picture(let picture):
            switch picture.thumbnail {
            case .jpeg(let bytes, let width, let height):
                inside.append(
                    .element(
                        "img",
                        [
                            .source(jpeg: bytes), HTMLAttribute("alt", alternative(picture)),
                            HTMLAttribute("width", "\(width)"), HTMLAttribute("height", "\(height)"),
                            HTMLAttribute("loading", "lazy"), HTMLAttribute("decoding", "async"),
                        ]))
                if picture.film != nil { inside.append(span("play", [Self.playMark])) }
            case .none(let why):
                let mark = picture.film == nil ? Self.hanger : Self.playMark
                inside += [mark, span("why", [.text("No thumbnail: \(why)")])]
            }
        }
        if !tags.isEmpty {
            inside.append(span("tags", tags.map { span("tag", [.element("bdi", [], $0)]) }))
        }
        return span("frame", inside)
    }

    private func alternative(_ picture: GalleryPicture) -> String {
        "\(picture.film == nil ? "The" : "A film of the") outfit \(title)\(entry.user.map { " of \($0)" } ?? "")\(entry.view.map { ", view \($0)" } ?? ""), "
            + "made by \(picture.provider)"
    }

    private var tags: [String] {
        guard case .picture(let picture) = entry.face else { return [] }
        return [entry.view, picture.film.map { "film \(Self.seconds($0))" }, picture.reused ? "reused" : nil]
            .compactMap { $0 }
    }

    private var caption: HTML {
        var who: [HTML] = [.element("bdi", [], entry.user ?? "nobody known")]
        if case .picture(let picture) = entry.face { who += [.text(" · "), .element("bdi", [], picture.provider)] }
        let clock = String(GalleryPage.clock(entry.finished).dropLast(" UTC".count))
        return span(
            "caption",
            [
                span("name", [.element("bdi", [], title)]), span("facts", who),
                span("facts", [.text(price), time(clock)]),
            ])
    }

    private func time(_ words: String) -> HTML {
        .element("time", [HTMLAttribute("datetime", entry.finished.rfc3339)], words)
    }

    /// Before the time; nothing for a view that failed, whose cost is told with the others.
    private var price: String {
        if entry.shares == 0 { return "" }
        if entry.cost.usd == 0 && !entry.cost.uncertain { return "free · " }
        let micros = Int64((min(max(entry.cost.usd, 0), 1e9) * 1_000_000).rounded())
        return "$\(dollars(micros))\(entry.cost.uncertain ? "?" : "") · "
    }

    // MARK: All that is known

    private var more: [HTML] {
        var above: [HTML] = []
        var rows: [(String, String?)] = []
        switch entry.face {
        case .failure(let code, let message, let stage):
            above = [
                .element("p", [HTMLAttribute("class", "code")], code),
                .element("p", [HTMLAttribute("class", "said")], message),
            ]
            rows = [("Stopped at", stage)]
        case .picture(let picture):
            rows = [
                ("Prompt", picture.prompt), ("Provider", picture.provider), ("Model", picture.model),
                ("Size", "\(picture.width) × \(picture.height)"), ("Ratio", picture.ratio),
                ("Seed", picture.seed.map { "\($0)" }),
                ("References", picture.references > 0 ? "\(picture.references)" : nil),
                ("Film", picture.film.map(Self.seconds)),
                ("Reused", picture.reused ? "answered from a stored picture" : nil),
            ]
        }
        rows += [
            ("View", entry.view), ("Outfit", entry.outfit), ("User", entry.user), ("Job", entry.job), ("Cost", cost),
            ("Took", entry.took.map(Self.seconds)),
        ]
        let list = rows.flatMap { name, value -> [HTML] in
            value.map { [.element("dt", [], name), .element("dd", [], [.element("bdi", [], $0)])] } ?? []
        }
        let finished: [HTML] = [
            .element("dt", [], "Finished"), .element("dd", [], [time(GalleryPage.clock(entry.finished))]),
        ]
        return above + [.element("dl", [], list + finished)] + way
    }

    private var cost: String? {
        if entry.shares == 0 { return nil }
        let price = ResultSummary.price(entry.cost)
        return entry.shares > 1 ? "\(price) for all \(entry.shares) views" : price
    }

    /// The way to the picture itself.
    private var way: [HTML] {
        guard case .picture(let picture) = entry.face else { return [] }
        guard let link = picture.link else { return [.element("p", [], [.element("bdi", [], picture.url)])] }
        let what = picture.film == nil ? "Open the picture" : "Open the film"
        return [
            .element(
                "p", [],
                [
                    .element(
                        "a",
                        [.href(link), HTMLAttribute("target", "_blank"), HTMLAttribute("rel", "noopener noreferrer")],
                        what)
                ])
        ]
    }

    private static func seconds(_ value: Double) -> String {
        FixedPoint.text(Int((min(max(value, 0), 1e9) * 10).rounded()), decimals: 1) + " s"
    }

    private func span(_ kind: String, _ children: [HTML]) -> HTML {
        .element("span", [HTMLAttribute("class", kind)], children)
    }

    /// A clothes hanger, where there is no picture.
    static let hanger = HTML.own(
        """
        <svg viewBox="0 0 64 64" fill="none" stroke="currentColor" stroke-width="2.5" stroke-linecap="round" \
        stroke-linejoin="round" aria-hidden="true"><path d="M26 19a6 6 0 1 1 8.5 5.5c-1.6.7-2.5 1.8-2.5 3.5v2L6.5 \
        45.5C4 47 5 51 8 51h48c3 0 4-4 1.5-5.5L32 30"/></svg>
        """)

    /// What says of a tile that it moves.
    static let playMark = HTML.own(
        """
        <svg viewBox="0 0 64 64" fill="none" stroke="currentColor" stroke-width="2.5" stroke-linejoin="round" \
        aria-hidden="true"><circle cx="32" cy="32" r="27"/><path d="M26 20 45 32 26 44z" fill="currentColor"/></svg>
        """)
}
