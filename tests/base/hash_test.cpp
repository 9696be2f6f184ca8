#include "base/hash.h"

#include <gtest/gtest.h>

namespace nepenthe {
namespace {

TEST(Sha256, AgreesWithFips180Examples) {
    EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(Sha256().update("a").update("bc").hex(), sha256_hex("abc"));
}

TEST(Xxh3, SeesEveryBit) { EXPECT_NE(xxh3(as_bytes("abc")), xxh3(as_bytes("abb"))); }

}  // namespace
}  // namespace nepenthe
