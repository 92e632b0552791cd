// What the gallery can do: filter, open, walk by keys, change its colours. One text, whose hash the page's policy
// admits: nothing else can run in it. It makes no markup out of text: it shows and hides, clones what is there, and
// sets `textContent`.

enum GalleryScript {
    static let text: StaticString = #"""
        "use strict";
        (() => {
          const root = document.documentElement;
          root.classList.remove("no-js");
          const find = (id) => document.getElementById(id);
          const cards = [...document.querySelectorAll(".card")];
          const words = cards.map((card) => card.textContent.toLowerCase());
          const [search, user, count, none] = ["search", "user", "count", "none"].map(find);
          const [large, help] = ["large", "help"].map(find);
          const face = (card) => card.querySelector(".face");
          const visible = () => cards.filter((card) => !card.hidden);

          // Colours: the reader's system decides, until the reader does.
          const theme = find("theme");
          const system = matchMedia("(prefers-color-scheme: dark)");
          const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
          const recall = () => { try { return localStorage.getItem("vizd-gallery-theme"); } catch { return null; } };
          const keep = (name) => {
            // Where nothing may be kept it is only not remembered.
            try { localStorage.setItem("vizd-gallery-theme", name); } catch { return; }
          };
          const showTheme = () => theme.setAttribute("aria-pressed", String(isDark()));
          const flip = () => {
            root.dataset.theme = isDark() ? "light" : "dark";
            keep(root.dataset.theme);
            showTheme();
          };
          if (["light", "dark"].includes(recall())) root.dataset.theme = recall();
          system.addEventListener("change", showTheme);
          theme.addEventListener("click", flip);
          showTheme();

          // One card is in the order of the Tab key; the arrows lead to the others.
          const choose = (card) => {
            for (const other of cards) face(other).tabIndex = other === card ? 0 : -1;
          };

          // Filters.
          const state = () => document.querySelector("input[name=state]:checked").value;
          const filter = () => {
            const text = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
            cards.forEach((card, index) => {
              card.hidden = (user.value !== "" && card.dataset.user !== user.value.slice(1))
                || (state() !== "all" && card.dataset.state !== state())
                || !text.every((word) => words[index].includes(word));
            });
            const shown = visible();
            count.textContent = shown.length === cards.length
              ? `${cards.length} shown` : `${shown.length} of ${cards.length} shown`;
            none.hidden = shown.length > 0 || cards.length === 0;
            choose(shown.find((card) => face(card).tabIndex === 0) ?? shown[0]);
          };
          const clear = () => {
            search.value = "";
            user.value = "";
            document.querySelector("input[name=state][value=all]").checked = true;
            filter();
          };
          search.addEventListener("input", filter);
          user.addEventListener("change", filter);
          for (const radio of document.querySelectorAll("input[name=state]")) radio.addEventListener("change", filter);
          find("clear").addEventListener("click", () => { clear(); search.focus(); });

          // The large view: what is in the card, cloned.
          let open = null;
          const show = (card) => {
            open = card;
            const stage = large.querySelector(".stage");
            const picture = card.querySelector(".frame > img, .frame > svg");
            stage.replaceChildren(...(picture ? [picture.cloneNode(true)] : []));
            stage.hidden = !picture;
            large.querySelector(".large").style.gridTemplateColumns = picture ? "" : "minmax(0, 1fr)";
            find("large-title").textContent = card.querySelector(".name").textContent;
            large.querySelector(".known").replaceChildren(
              ...[...card.querySelector(".more").childNodes].map((node) => node.cloneNode(true)));
            large.querySelector(".side").scrollTop = 0;
            const shown = visible();
            find("earlier").disabled = shown[0] === card;
            find("later").disabled = shown[shown.length - 1] === card;
            if (!large.open) { large.showModal(); find("close").focus(); }
          };
          const step = (by) => {
            const shown = visible();
            const next = shown[shown.indexOf(open) + by];
            if (next) { choose(next); show(next); }
          };
          for (const card of cards) {
            face(card).addEventListener("click", () => { choose(card); show(card); });
            face(card).addEventListener("focus", () => choose(card));
          }
          find("earlier").addEventListener("click", () => step(-1));
          find("later").addEventListener("click", () => step(1));
          find("close").addEventListener("click", () => large.close());
          large.addEventListener("close", () => {
            if (open) face(open).focus();
            open = null;
          });
          for (const dialog of [large, help]) {
            dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
          }
          find("keys").addEventListener("click", () => help.showModal());
          find("help-close").addEventListener("click", () => help.close());

          // Keys.
          const columns = (shown) => {
            const top = shown[0].offsetTop;
            const next = shown.findIndex((card) => card.offsetTop !== top);
            return next < 0 ? shown.length : next;
          };
          const walk = (key) => {
            const shown = visible();
            if (shown.length === 0) return false;
            const at = shown.findIndex((card) => face(card) === document.activeElement);
            const by = {
              ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(shown), ArrowDown: columns(shown),
              Home: -shown.length, End: shown.length,
            }[key];
            if (by === undefined) return false;
            const goal = at < 0 ? 0 : ["Home", "End"].includes(key)
              ? Math.min(shown.length - 1, Math.max(0, at + by)) : at + by;
            if (shown[goal]) { face(shown[goal]).focus(); face(shown[goal]).scrollIntoView({ block: "nearest" }); }
            return true;
          };
          document.addEventListener("keydown", (event) => {
            if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
            if (large.open) {
              const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
              if (by) { step(by); event.preventDefault(); }
              return;
            }
            if (help.open) return;
            if (event.target === search) {
              if (event.key === "Escape") { search.value = ""; filter(); search.blur(); }
              if (event.key === "ArrowDown" && walk("ArrowDown")) event.preventDefault();
              return;
            }
            if (event.target.matches("select, input")) return;
            if (event.key === "/") { search.focus(); search.select(); event.preventDefault(); }
            else if (event.key === "?") { help.showModal(); event.preventDefault(); }
            else if (event.key === "d") flip();
            else if (event.key === "Escape") clear();
            else if (walk(event.key)) event.preventDefault();
          });

          filter();
        })();
        """#
}
