#pragma once
// Unicode's normal forms with the changes that offsets are made of.

#include "text/aligned_text.h"

namespace nepenthe::text {

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };

// Brings `text` into the form. Code points that Unicode assigned after version 10 are left as they are, because the
// tables behind published ids and offsets end there.
void normalize(AlignedText& text, NormalForm form);

}  // namespace nepenthe::text
