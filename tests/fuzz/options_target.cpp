// The first byte says what the others are: a config file, a word of a list, or the words of an invocation.

#include "base/number.h"
#include "fuzz/target.h"
#include "pipelines/config_file.h"
#include "pipelines/options.h"

#include <algorithm>
#include <cmath>

using namespace nepenthe;

namespace {

void read_config(std::string_view text) {
    fuzz::accepted(
        [&] {
            for (const pipelines::ConfigEntry& entry : pipelines::parse_config(text, "input")) {
                fuzz::require(!entry.section.empty() && !entry.key.empty() && entry.line > 0, "an entry has a place");
                fuzz::require(entry.value.find('\n') == std::string::npos, "a value stands on a line");
            }
        },
        ErrorKind::kUsage);
}

void read_entries(const std::string& word) {
    try {
        std::string again;
        const auto entries = pipelines::list_entries(word);
        for (const std::string& entry : entries) {
            fuzz::require(!entry.empty(), "an entry holds something");
            again += fmt::format("{}{}", again.empty() ? "" : ",", pipelines::quoted_entry(entry));
        }
        fuzz::require(pipelines::list_entries(again) == entries, "quoted entries come back");
        static_cast<void>(pipelines::named_paths(word, "/nowhere"));
    } catch (const std::string&) {
    }
}

void read_words(std::string_view text) {
    pipelines::Arguments arguments;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view word = text.substr(0, end);
        if (word.find('\0') == std::string_view::npos && !word.starts_with("--config"))
            arguments.words.emplace_back(word);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    std::int64_t whole = 1;
    double real = 0.5, time = 0;
    bool flag = false;
    std::string choice = "a";
    std::vector<std::int64_t> layers;
    std::vector<double> reals;
    std::vector<pipelines::NamedPath> paths;
    std::map<std::string, std::string> set;
    pipelines::Options options("verb", "", "");
    options.add("whole", whole, "", 1);
    options.add("real", real, "", 0.0);
    options.add_seconds("time", time, "");
    options.add("flag", flag, "");
    options.add("choice", choice, {"a", "b"}, "");
    options.add_layers("layers", layers, "");
    options.add("reals", reals, "");
    options.add("paths", paths, "");
    options.add("set", set, "");
    try {
        if (!fuzz::accepted([&] { options.parse(arguments); }, ErrorKind::kUsage)) return;
    } catch (const pipelines::HelpRequested&) {
        return;
    }
    fuzz::require(whole >= 1 && std::isfinite(real) && real >= 0 && std::isfinite(time) && time >= 0,
                  "in their limits");
    fuzz::require(choice == "a" || choice == "b", "one of the choices");
    for (const std::int64_t layer : layers) fuzz::require(layer >= 0 && layer <= 100000, "a layer");
    for (const double each : reals) fuzz::require(std::isfinite(each), "a number");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view text = fuzz::as_text(data + 1, size - 1);
    switch (data[0] % 3) {
        case 0: read_config(text); break;
        case 1:
            if (text.find('\0') == std::string_view::npos) read_entries(std::string(text));
            break;
        default: read_words(text);
    }
    const auto real = parse_real(text);
    const auto whole = parse_integer(text);
    fuzz::require(!whole || (real && *real == static_cast<double>(*whole)), "a whole number is a number");
    return 0;
}
