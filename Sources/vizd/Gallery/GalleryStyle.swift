// How the gallery looks. One text, whose hash the page's policy admits: nothing else can style it.

enum GalleryStyle {
    static let text: StaticString = """
        :root {
          color-scheme: light dark;
          --ground: light-dark(#f6f3ee, #14120f);
          --card: light-dark(#fffdfa, #1e1b17);
          --raised: light-dark(#ffffff, #262219);
          --ink: light-dark(#211d18, #f0ebe3);
          --faint: light-dark(#6a6157, #a89f92);
          --line: light-dark(#e2dbd0, #37322a);
          --accent: light-dark(#7a2e3b, #f0a3a8);
          --bad: light-dark(#9c2418, #ff9d8c);
          --bad-ground: light-dark(#fbeae6, #35201c);
          --frame: light-dark(#ece6dc, #2a261f);
          --shadow: light-dark(rgb(60 45 25 / .13), rgb(0 0 0 / .5));
          --radius: 14px;
        }
        :root[data-theme=light] { color-scheme: light; }
        :root[data-theme=dark] { color-scheme: dark; }
        * { box-sizing: border-box; }
        [hidden] { display: none !important; }
        body {
          margin: 0; background: var(--ground); color: var(--ink);
          font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif;
          -webkit-text-size-adjust: 100%;
        }
        :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
        button, input, select { font: inherit; color: inherit; }
        a { color: var(--accent); text-underline-offset: .2em; }
        h1, h2 { font-family: ui-serif, Georgia, "Noto Serif", "DejaVu Serif", serif; font-weight: 500; margin: 0; }
        .unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
        bdi { overflow-wrap: anywhere; }

        header { padding: 2.2rem clamp(1rem, 4vw, 3.5rem) .9rem; }
        header h1 { font-size: clamp(1.9rem, 4.5vw, 2.9rem); letter-spacing: -.02em; line-height: 1.1; }
        header h1 span { color: var(--accent); font-style: italic; }
        header p { margin: .5rem 0 0; color: var(--faint); }
        .figures { display: flex; flex-wrap: wrap; gap: .2rem 1.4rem; padding: 0; margin: .6rem 0 0; list-style: none; }
        .figures b { font-weight: 600; font-variant-numeric: tabular-nums; }
        .figures .bad b { color: var(--bad); }

        .bar {
          position: sticky; top: 0; z-index: 2; display: flex; flex-wrap: wrap; align-items: center; gap: .6rem;
          padding: .7rem clamp(1rem, 4vw, 3.5rem); background: var(--ground); border-bottom: 1px solid var(--line);
        }
        .bar input[type=search], .bar select, .bar button, .states span {
          min-height: 2.6rem; padding: .4rem .9rem; border: 1px solid var(--line); border-radius: 999px;
          background: var(--card);
        }
        .bar input[type=search] { flex: 1 1 14rem; min-width: 9rem; max-width: 28rem; }
        .bar input[type=search]::placeholder { color: var(--faint); opacity: 1; }
        .bar select { max-width: 14rem; }
        .bar button { cursor: pointer; }
        .bar button[aria-pressed=true] { background: var(--ink); color: var(--ground); border-color: var(--ink); }
        .bar button:hover, .bar select:hover { border-color: var(--accent); }
        .states { display: flex; margin: 0; padding: 0; border: 0; }
        .states label { position: relative; cursor: pointer; }
        .states input { position: absolute; inset: 0; opacity: 0; margin: 0; cursor: pointer; }
        .states span { display: flex; align-items: center; border-radius: 0; border-left-width: 0; }
        .states label:first-of-type span { border-radius: 999px 0 0 999px; border-left-width: 1px; }
        .states label:last-of-type span { border-radius: 0 999px 999px 0; }
        .states input:checked + span { background: var(--ink); color: var(--ground); border-color: var(--ink); }
        .states input:focus-visible + span { outline: 3px solid var(--accent); outline-offset: 2px; }
        #count { margin: 0 0 0 auto; color: var(--faint); font-variant-numeric: tabular-nums; }

        main { padding: 1.5rem clamp(1rem, 4vw, 3.5rem) 3rem; }
        .cards {
          display: grid; grid-template-columns: repeat(auto-fill, minmax(min(15rem, 44vw), 1fr)); gap: 1.4rem;
          margin: 0; padding: 0; list-style: none;
        }
        .card { display: flex; flex-direction: column; min-width: 0; }
        .face {
          display: flex; flex-direction: column; flex: 1; width: 100%; padding: 0; overflow: hidden; text-align: left;
          background: var(--card); border: 1px solid var(--line); border-radius: var(--radius); cursor: pointer;
          transition: transform .18s ease, box-shadow .18s ease;
        }
        .face:hover, .face:focus-visible { transform: translateY(-3px); box-shadow: 0 12px 28px var(--shadow); }
        .frame {
          display: flex; flex-direction: column; align-items: center; justify-content: center; position: relative;
          width: 100%; aspect-ratio: 3 / 4; overflow: hidden; background: var(--frame); color: var(--faint);
        }
        .frame img { width: 100%; height: 100%; object-fit: cover; object-position: 50% 20%; display: block; }
        .frame svg { width: 30%; max-width: 5rem; opacity: .55; }
        .play { position: absolute; inset: 0; display: grid; place-items: center; pointer-events: none; color: #fff; }
        .frame .play svg { width: 4rem; opacity: .95; }
        .play circle { fill: rgb(0 0 0 / .5); }
        .why { display: block; padding: 1.2rem; text-align: center; }
        .failed .frame {
          background: var(--bad-ground); color: var(--ink); align-items: stretch; justify-content: flex-start;
        }
        .complaint { display: flex; flex-direction: column; gap: .7rem; padding: 1.3rem; width: 100%; min-width: 0; }
        .code {
          font: 600 .84rem/1.4 ui-monospace, "DejaVu Sans Mono", monospace; color: var(--bad);
          overflow-wrap: anywhere;
        }
        .complaint .said {
          display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 9; overflow: hidden;
          overflow-wrap: anywhere;
        }
        .tags { position: absolute; left: .7rem; bottom: .7rem; display: flex; gap: .35rem; flex-wrap: wrap; }
        .tag {
          padding: .1rem .6rem; border-radius: 999px; background: var(--raised); color: var(--ink); font-size: .78rem;
          box-shadow: 0 1px 4px var(--shadow); max-width: 100%; overflow: hidden; text-overflow: ellipsis;
        }
        .caption { display: block; padding: .8rem 1rem .95rem; min-width: 0; }
        .caption > span { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
        .name { font-weight: 600; }
        .facts { color: var(--faint); font-size: .86rem; font-variant-numeric: tabular-nums; }
        .more { display: none; }
        .no-js .more { display: block; padding: .6rem 1rem; font-size: .86rem; }
        .no-js .bar { display: none; }
        dl { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1.1rem; margin: 0; }
        dt { color: var(--faint); }
        dd {
          margin: 0; min-width: 0; overflow-wrap: anywhere; white-space: pre-line; font-variant-numeric: tabular-nums;
        }
        .void { padding: 12vh 1rem; text-align: center; color: var(--faint); }
        .void svg { width: 5.5rem; opacity: .5; }
        .void h2 { margin: 1rem 0 .4rem; font-size: 1.6rem; color: var(--ink); }
        .void button {
          padding: .5rem 1.2rem; border: 1px solid var(--line); border-radius: 999px; background: var(--card);
          cursor: pointer;
        }
        code { font: .9em ui-monospace, "DejaVu Sans Mono", monospace; background: var(--frame); padding: .1em .4em;
          border-radius: 5px; overflow-wrap: anywhere; }
        footer { padding: 0 clamp(1rem, 4vw, 3.5rem) 3rem; color: var(--faint); font-size: .88rem; }
        footer p { margin: .3rem 0; }

        dialog {
          width: min(72rem, calc(100vw - 2rem)); max-width: none; max-height: calc(100dvh - 2rem); padding: 0;
          border: 1px solid var(--line); border-radius: calc(var(--radius) + 4px); background: var(--raised);
          color: var(--ink); box-shadow: 0 30px 80px var(--shadow);
        }
        dialog::backdrop { background: rgb(15 12 8 / .72); }
        .large { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 25rem); }
        .stage {
          display: flex; align-items: center; justify-content: center; min-height: min(74dvh, 46rem);
          background: var(--frame); color: var(--faint);
        }
        .stage img { width: 100%; height: min(calc(100dvh - 2rem), 52rem); object-fit: contain; }
        .stage svg { width: 7rem; opacity: .5; }
        .side { padding: 1.5rem; overflow: auto; max-height: calc(100dvh - 2rem); }
        .side h2 { font-size: 1.5rem; line-height: 1.2; margin-bottom: 1rem; overflow-wrap: anywhere; }
        .side .code { margin: 0 0 .5rem; }
        .side .said { margin: 0 0 1.2rem; white-space: pre-line; overflow-wrap: anywhere; }
        .moves { display: flex; gap: .5rem; margin: 0 0 1.2rem; }
        .moves button, #help button {
          min-width: 2.7rem; min-height: 2.7rem; padding: 0 .9rem; border: 1px solid var(--line); border-radius: 999px;
          background: var(--card); cursor: pointer;
        }
        .moves button:last-child { margin-left: auto; }
        #help { width: min(30rem, calc(100vw - 2rem)); padding: 1.6rem; }
        #help h2 { font-size: 1.5rem; margin-bottom: 1rem; }
        #help dl { margin-bottom: 1.3rem; }
        kbd {
          display: inline-block; min-width: 1.7em; padding: 0 .45em; border: 1px solid var(--line);
          border-bottom-width: 2px; border-radius: 6px; background: var(--card); text-align: center; color: var(--ink);
          font: .86em/1.6 ui-monospace, "DejaVu Sans Mono", monospace;
        }
        @media (max-width: 46rem) {
          .large { grid-template-columns: minmax(0, 1fr); }
          .stage { min-height: 0; }
          .stage img { height: auto; max-height: 62dvh; }
          .stage svg { margin: 3rem; }
          .side { max-height: none; }
          dialog { overflow: auto; }
          .cards { gap: .8rem; }
          .caption { padding: .6rem .7rem .7rem; }
          .complaint { padding: .8rem; gap: .4rem; font-size: .82rem; }
          .complaint .code { font-size: .7rem; }
          .bar { position: static; }
          .bar input[type=search] { flex-basis: 100%; max-width: none; }
          #count { width: 100%; }
        }
        @media (prefers-reduced-motion: reduce) { .face { transition: none; } }
        @media (forced-colors: active) { .states input:checked + span { border-width: 3px; } }
        @media print {
          :root, :root[data-theme] { color-scheme: light; --ground: #fff; }
          .bar, .moves, footer .keys { display: none !important; }
          header { padding-top: 0; }
          .cards { grid-template-columns: repeat(3, 1fr); gap: 10px; }
          .card { break-inside: avoid; }
          .face, .face:focus-visible { box-shadow: none; transform: none; outline: none; }
          .caption > span { white-space: normal; }
          .frame, .tag { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
        }
        """
}
