#include "base/json.h"
#include "fuzz/target.h"
#include "io/text.h"

using namespace nepenthe;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view raw = fuzz::as_text(data, size);
    const fuzz::MemoryFile file(raw);

    // The JSON library has a decoder of its own: both agree on what is UTF-8.
    bool valid = true;
    try {
        static_cast<void>(Json(raw).dump());
    } catch (const Json::type_error&) {
        valid = false;
    }
    fuzz::require(valid == (io::find_invalid_utf8(raw) == std::string_view::npos), "UTF-8 is recognised");

    std::string text;
    if (fuzz::accepted([&] { text = io::read_text(file.path()); })) {
        fuzz::require(valid && text.size() <= size, "a text is UTF-8");
        fuzz::require(text.empty() || text.find("\r\n") == std::string::npos || raw.find("\r\r\n") != std::string::npos,
                      "line ends are normalised");
        const std::size_t points = io::count_code_points(text);
        fuzz::require(io::bytes_of_code_points(text, points) == text.size(), "code points cover the text");
        const std::size_t half = io::bytes_of_code_points(text, points / 2);
        fuzz::require(io::find_invalid_utf8(std::string_view(text).substr(0, half)) == std::string_view::npos,
                      "a cut between code points is UTF-8");
    }
    std::size_t last_line = 0;
    fuzz::accepted([&] {
        io::for_each_json_line(file.path(), [&](std::size_t line, const Json&) {
            fuzz::require(line > last_line, "lines are visited in order");
            last_line = line;
        });
    });
    return 0;
}
