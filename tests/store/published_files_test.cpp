#include "store/published_files.h"

#include "base/hash.h"
#include "expected_errors.h"
#include "io/file.h"
#include "io/slices.h"
#include "mpi_world.h"
#include "shared_folder.h"

#include <gtest/gtest.h>

#include <fstream>

namespace nepenthe::store {
namespace {

namespace fs = std::filesystem;
using testing::error_of;

const ArtefactKey kPublishedKey{"stage", {{"alpha", 5.0}}, {}};

class PublishedFiles : public ::testing::Test {
  protected:
    // One small file and one of several slices.
    void SetUp() override {
        ArtefactWriter writer(*testing::world, folder_.path(), kPublishedKey);
        if (testing::world->is_root()) {
            std::ofstream(writer.data_folder() / "small.txt") << "first";
            std::ofstream large(writer.data_folder() / "large.bin");
            const std::string mebibyte(1u << 20, 'x');
            for (std::uint64_t i = 0; i < io::kSliceBytes >> 20; ++i) large << mebibyte;
            large << "behind the first slice";
        }
        testing::world->barrier();
        published_ = writer.publish({});
    }
    // In place, at the same size; the root's affair.
    void change(const std::string& name, std::int64_t at, char byte) const {
        if (testing::world->is_root()) {
            std::fstream file(published_.folder / name, std::ios::in | std::ios::out | std::ios::binary);
            file.seekp(at);
            file.put(byte);
        }
        testing::world->barrier();
    }

    testing::SharedFolder folder_{*testing::world};
    Artefact published_;
};

TEST_F(PublishedFiles, AReusedArtefactIsVerified) {
    EXPECT_FALSE(published_.reused);
    EXPECT_TRUE(published_.manifest["files"]["large.bin"].contains("slices"));
    EXPECT_FALSE(published_.manifest["files"]["small.txt"].contains("slices"));
    const auto found = find_artefact(*testing::world, folder_.path(), kPublishedKey);
    ASSERT_TRUE(found);
    EXPECT_TRUE(found->reused);
    EXPECT_EQ(verified_artefact(*testing::world, published_.folder).digest(), published_.digest());
    testing::world->barrier();
    change("large.bin", static_cast<std::int64_t>(io::kSliceBytes) + 3, '!');
    const Error error = error_of([&] { find_artefact(*testing::world, folder_.path(), kPublishedKey); });
    EXPECT_EQ(error.kind(), ErrorKind::kData);
    EXPECT_NE(std::string(error.what()).find("large.bin"), std::string::npos) << error.what();
    EXPECT_EQ(std::string(error.what()).find("small.txt"), std::string::npos) << error.what();
}

TEST_F(PublishedFiles, InputsAreWhatTheManifestSays) {
    const auto digests = digest_input(*testing::world, published_.folder, {"small.txt"});
    EXPECT_EQ(digests[0].digest, sha256_hex("first"));
    EXPECT_NO_THROW(check_published_file(published_.folder / "small.txt"));
    testing::world->barrier();
    change("small.txt", 0, 'F');
    EXPECT_EQ(error_of([&] { digest_input(*testing::world, published_.folder, {"small.txt"}); }).kind(),
              ErrorKind::kData);
    EXPECT_EQ(error_of([&] { check_published_file(published_.folder / "small.txt"); }).kind(), ErrorKind::kData);
    if (testing::world->is_root()) std::ofstream(published_.folder / "new.txt") << "came in";
    testing::world->barrier();
    const Error error = error_of([&] { digest_input(*testing::world, published_.folder, {"new.txt"}); });
    EXPECT_EQ(error.kind(), ErrorKind::kData);
    EXPECT_NE(std::string(error.what()).find("new.txt came in"), std::string::npos) << error.what();
    EXPECT_NO_THROW(digest_input(*testing::world, published_.folder, {"large.bin"}))
        << "what is not read does not count";
}

TEST_F(PublishedFiles, AFolderThatIsNoArtefactIsReadAsItIs) {
    const testing::SharedFolder plain(*testing::world);
    if (testing::world->is_root()) std::ofstream(plain.path() / "a.txt") << "anything";
    testing::world->barrier();
    EXPECT_EQ(digest_input(*testing::world, plain.path(), {"a.txt"})[0].digest, sha256_hex("anything"));
    EXPECT_NO_THROW(check_published_file(plain.path() / "a.txt"));
}

TEST_F(PublishedFiles, ADigestIsTheSameOnAnyNumberOfRanks) {
    const fs::path large = published_.folder / "large.bin";
    const std::string mebibyte(1u << 20, 'x');
    Sha256 slice;
    for (std::uint64_t i = 0; i < io::kSliceBytes >> 20; ++i) slice.update(mebibyte);
    const FileDigest expected{io::kSliceBytes + 22, sha256_hex(slice.hex() + sha256_hex("behind the first slice"))};
    EXPECT_EQ(digest_files(*testing::world, {large, published_.folder / "small.txt"})[0], expected);
    EXPECT_EQ(digest_file(large), expected);
}

}  // namespace
}  // namespace nepenthe::store
