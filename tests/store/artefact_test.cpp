#include "store/artefact.h"

#include "base/error.h"
#include "mpi_world.h"
#include "shared_folder.h"

#include <gtest/gtest.h>

#include <fstream>

namespace nepenthe::store {
namespace {

const ArtefactKey kKey{"stage", {{"alpha", 5.0}}, {{"model", "aa"}}};

void write_data(const ArtefactWriter& writer) {
    if (testing::world->is_root()) {
        std::filesystem::create_directories(writer.data_folder() / "sub");
        std::ofstream(writer.data_folder() / "a.txt") << "first";
        std::ofstream(writer.data_folder() / "sub" / "b.bin") << std::string(10000, 'b');
        std::ofstream(writer.data_folder() / "c.h5") << "layout " << testing::world->size();
    }
}

TEST(ArtefactKey, IsNamedAfterWhatDeterminesIt) {
    EXPECT_EQ(kKey.folder_name(), "stage-" + kKey.digest().substr(0, 12));
    ArtefactKey other = kKey;
    other.options["alpha"] = 4.0;
    EXPECT_NE(other.folder_name(), kKey.folder_name());
    other = kKey;
    other.inputs["model"] = "bb";
    EXPECT_NE(other.folder_name(), kKey.folder_name());
}

TEST(Artefact, IsPublishedWholeFoundAndNeverReplaced) {
    const testing::SharedFolder folder(*testing::world);
    EXPECT_FALSE(find_artefact(*testing::world, folder.path(), kKey));
    Artefact published;
    {
        ArtefactWriter writer(*testing::world, folder.path(), kKey);
        write_data(writer);
        testing::world->barrier();
        published = writer.publish({{"rows", 3}}, {{"c.h5", "content"}});
    }
    // The same on any number of ranks, though c.h5 differs in its bytes.
    EXPECT_EQ(published.digest(), "946db1ac6e1a46e6fe9fd048d99919b6ea110f59a7a217f378d944543b17c342");
    EXPECT_EQ(published.manifest["summary"]["rows"], 3);
    EXPECT_FALSE(std::filesystem::exists(folder.path() / ".work"));
    EXPECT_EQ(open_artefact(published.folder, true).digest(), published.digest());
    const auto found = find_artefact(*testing::world, folder.path(), kKey);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->manifest, published.manifest);
    try {
        ArtefactWriter again(*testing::world, folder.path(), kKey);
        ADD_FAILURE();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    }
}

TEST(Artefact, KeepsItsDataUntilItIsPublished) {
    const testing::SharedFolder folder(*testing::world);
    {
        ArtefactWriter writer(*testing::world, folder.path(), kKey);
        write_data(writer);
    }
    testing::world->barrier();
    EXPECT_FALSE(find_artefact(*testing::world, folder.path(), kKey));
    ArtefactWriter writer(*testing::world, folder.path(), kKey);
    EXPECT_TRUE(std::filesystem::exists(writer.data_folder() / "a.txt"));
    EXPECT_NO_THROW(writer.publish({}));
}

TEST(Artefact, PublishesNothingWhenAFileIsMissing) {
    const testing::SharedFolder folder(*testing::world);
    ArtefactWriter writer(*testing::world, folder.path(), kKey);
    EXPECT_THROW(writer.publish({}, {{"missing.h5", "content"}}), Error);
    EXPECT_FALSE(std::filesystem::exists(folder.path() / kKey.folder_name()));
}

TEST(Artefact, AnAlteredOneIsAnErrorOnAllRanks) {
    const testing::SharedFolder folder(*testing::world);
    std::filesystem::path published;
    {
        ArtefactWriter writer(*testing::world, folder.path(), kKey);
        write_data(writer);
        testing::world->barrier();
        published = writer.publish({}).folder;
    }
    if (testing::world->is_root()) std::filesystem::resize_file(published / "a.txt", 2);
    try {
        find_artefact(*testing::world, folder.path(), kKey);
        ADD_FAILURE();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kData);
    }
}

}  // namespace
}  // namespace nepenthe::store
