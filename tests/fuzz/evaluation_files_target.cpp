// What `evaluate` and `trace` read beside facts: the same bytes as each of the files.

#include "edit/trace/trace_prompt.h"
#include "evaluate/benchmark_files.h"
#include "evaluate/familiarity_prompts.h"
#include "evaluate/muse_files.h"
#include "evaluate/probe_files.h"
#include "evaluate/tofu_files.h"
#include "evaluate/wikitext.h"
#include "fuzz/target.h"
#include "io/labelled_text_files.h"
#include "io/text.h"

using namespace nepenthe;

namespace {

void read_as_tofu(std::string_view bytes) {
    static fuzz::FolderWithFile folder("forget01_perturbed.json");
    folder.put(bytes);
    for (const char* other : {"retain", "real_authors", "world_facts"}) {
        const auto link = folder.path() / (std::string(other) + "_perturbed.json");
        std::error_code there;
        std::filesystem::create_symlink("forget01_perturbed.json", link, there);
    }
    for (const evaluate::TofuItem& item : evaluate::read_tofu(folder.path(), "forget01", 0))
        fuzz::require(!item.perturbed.empty(), "a question has false answers");
}

void read_as_labelled_texts(std::string_view bytes) {
    static fuzz::FolderWithFile folder("texts.jsonl");
    folder.put(bytes);
    for (const io::LabelledText& text : io::read_labelled_texts(folder.path() / "texts.jsonl", 0))
        fuzz::require(!text.text.empty(), "a record holds a text");
}

// The same bytes in the place of all seven files, one behind the other as they are read.
void read_as_muse(std::string_view bytes) {
    static fuzz::FolderWithFile folder("muse.json");
    static const bool linked = [] {
        for (const auto& file : evaluate::muse_files(folder.path())) {
            std::error_code there;
            std::filesystem::create_directories(file.parent_path(), there);
            std::filesystem::create_symlink(folder.path() / "muse.json", file, there);
        }
        return true;
    }();
    fuzz::require(linked, "the files lie where they are looked for");
    folder.put(bytes);
    evaluate::read_muse(folder.path(), 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes = fuzz::as_text(data, size);
    const fuzz::MemoryFile file(bytes);
    for (const evaluate::Benchmark& benchmark : evaluate::benchmarks()) {
        fuzz::accepted([&] {
            for (const evaluate::ChoiceItem& item : evaluate::read_benchmark(benchmark, file.path(), 0)) {
                const auto choices = static_cast<std::int64_t>(item.continuations.size());
                fuzz::require(choices > 0 && item.gold >= 0 && item.gold < choices, "the right choice is there");
                fuzz::require(item.contexts.size() == 1 || item.contexts.size() == item.continuations.size(),
                              "a context for all choices, or for each");
            }
        });
    }
    for (const bool need : {false, true}) {
        fuzz::accepted([&] {
            for (const auto& prompt : evaluate::read_familiarity_prompts(file.path(), need))
                fuzz::require(!need || !prompt.content.empty(), "a prompt has a continuation");
        });
    }
    fuzz::accepted([&] { read_as_tofu(bytes); });
    fuzz::accepted([&] { read_as_labelled_texts(bytes); });
    fuzz::accepted([&] { read_as_muse(bytes); });
    fuzz::accepted([&] {
        for (const evaluate::ProbeItem& item : evaluate::read_probe_items(file.path(), 0))
            fuzz::require(!item.answer.empty() && !(item.question + item.prefix).empty(),
                          "something is asked, and answered");
    });
    fuzz::accepted([&] {
        for (const edit::TracePrompt& prompt : edit::read_trace_prompts(file.path()).prompts)
            fuzz::require(prompt.prompt.find(prompt.subject) != std::string::npos, "a prompt holds its subject");
    });
    if (io::find_invalid_utf8(bytes) == std::string_view::npos) {
        for (const std::string& page : evaluate::wikitext_pages(bytes))
            static_cast<void>(evaluate::detokenize_wikitext(page));
        static_cast<void>(evaluate::join_wikitext_lines(bytes));
    }
    return 0;
}
