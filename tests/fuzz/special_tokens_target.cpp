// What a model folder says of BOS and EOS: the same bytes as each of the four files that may say it.

#include "fuzz/target.h"
#include "text/special_tokens.h"

using namespace nepenthe;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static fuzz::FolderWithFile folder("tokenizer_config.json");
    static const bool linked = [] {
        for (const char* name : {"special_tokens_map.json", "generation_config.json", "config.json"})
            std::filesystem::create_symlink("tokenizer_config.json", folder.path() / name);
        return true;
    }();
    static_cast<void>(linked);
    folder.put(fuzz::as_text(data, size));
    const text::TokenTable table{
        [](std::string_view token) { return token == "<s>" ? std::optional<text::TokenId>(1) : std::nullopt; },
        [](text::TokenId id) { return id >= 0 && id < 3; }};
    fuzz::accepted([&] {
        const text::SpecialTokens tokens = text::read_special_tokens(folder.path(), table);
        if (tokens.bos) fuzz::require(table.contains(*tokens.bos), "BOS is a token");
        if (tokens.eos) fuzz::require(table.contains(*tokens.eos), "EOS is a token");
    });
    return 0;
}
