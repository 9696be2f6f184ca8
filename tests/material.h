#pragma once
// What the project makes for its tests (tests/material/make.py): texts, tokenizers, a small model, records in every
// published form. The layout is that of published data, docs/testing.md.

#include <filesystem>

namespace nepenthe::testing {

inline const std::filesystem::path kMaterial = std::filesystem::path(NEPENTHE_BINARY).parent_path() / "material";

// A trained Llama of 656,000 parameters in fp32, which knows short stories and the planets.
inline const std::filesystem::path kStories = kMaterial / "models/stories";

// A book of about 270 kB, with curly quotes, dashes and chapters.
inline const std::filesystem::path kNovel = kMaterial / "text/novel.txt";

}  // namespace nepenthe::testing
