// The files are decoded here by a reader that shares no code with the writer. tests/golden/check_event_file.py lets
// TensorBoard itself read one.

#include "report/event_file.h"

#include "expected_errors.h"
#include "io/file.h"
#include "report/record.h"
#include "temporary_folder.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace nepenthe::report {
namespace {

// CRC-32C one bit at a time, straight from its definition.
std::uint32_t slow_crc32c(std::string_view bytes) {
    std::uint32_t crc = 0xFFFFFFFF;
    for (const char byte : bytes) {
        crc ^= static_cast<unsigned char>(byte);
        for (int bit = 0; bit < 8; ++bit) crc = crc % 2 == 1 ? (crc / 2) ^ 0x82F63B78 : crc / 2;
    }
    return crc ^ 0xFFFFFFFF;
}

class Reader {
  public:
    explicit Reader(std::string_view bytes) : rest_(bytes) {}
    bool done() const { return rest_.empty(); }

    template <typename Value>
    Value fixed() {
        Value value{};
        const std::string_view bytes = take(sizeof value);
        std::memcpy(&value, bytes.data(), sizeof value);
        return value;
    }
    std::uint64_t varint() {
        std::uint64_t value = 0;
        for (int shift = 0;; shift += 7) {
            const auto byte = fixed<std::uint8_t>();
            value |= std::uint64_t{byte & 0x7Fu} << shift;
            if (byte < 0x80) return value;
        }
    }
    std::string_view take(std::uint64_t size) {
        if (size > rest_.size()) fail(ErrorKind::kData, "{} bytes wanted, {} left", size, rest_.size());
        const std::string_view bytes = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return bytes;
    }
    std::string_view delimited() { return take(varint()); }
    std::string_view record() {
        const std::string_view length_bytes = rest_.substr(0, 8);
        const auto length = fixed<std::uint64_t>();
        expect_masked(fixed<std::uint32_t>(), length_bytes);
        const std::string_view payload = take(length);
        expect_masked(fixed<std::uint32_t>(), payload);
        return payload;
    }

  private:
    static void expect_masked(std::uint32_t stored, std::string_view bytes) {
        const std::uint32_t crc = slow_crc32c(bytes);
        EXPECT_EQ(stored, ((crc >> 15) | (crc << 17)) + 0xA282EAD8);
    }
    std::string_view rest_;
};

struct Event {
    double wall_time = 0;
    std::int64_t step = 0;
    std::string version, tag;
    float value = 0;
};

void read_value(std::string_view bytes, Event& event) {
    for (Reader reader(bytes); !reader.done();) {
        const std::uint64_t key = reader.varint();
        if (key == (1 << 3 | 2)) {
            event.tag = reader.delimited();
        } else if (key == (2 << 3 | 5)) {
            event.value = reader.fixed<float>();
        } else {
            ADD_FAILURE() << "Summary.Value has key " << key;
            return;
        }
    }
}

Event read_event(std::string_view bytes) {
    Event event;
    for (Reader reader(bytes); !reader.done();) {
        const std::uint64_t key = reader.varint();
        if (key == (1 << 3 | 1)) {
            event.wall_time = reader.fixed<double>();
        } else if (key == (2 << 3 | 0)) {
            event.step = static_cast<std::int64_t>(reader.varint());
        } else if (key == (3 << 3 | 2)) {
            event.version = reader.delimited();
        } else if (key == (5 << 3 | 2)) {
            Reader summary(reader.delimited());
            EXPECT_EQ(summary.varint(), 1u << 3 | 2);
            read_value(summary.delimited(), event);
            EXPECT_TRUE(summary.done());
        } else {
            ADD_FAILURE() << "Event has key " << key;
            break;
        }
    }
    return event;
}

std::vector<Event> read_folder(const std::filesystem::path& folder) {
    std::vector<Event> events;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        EXPECT_TRUE(entry.path().filename().string().starts_with("events.out.tfevents."));
        const std::string bytes = io::read_file(entry.path());
        for (Reader reader(bytes); !reader.done();) events.push_back(read_event(reader.record()));
    }
    return events;
}

TEST(Crc32c, GivesThePublishedValues) {
    EXPECT_EQ(crc32c("123456789"), 0xE3069283u);            // RFC 3720's usual check value
    EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);  // RFC 3720, B.4
    EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43u);
    EXPECT_EQ(crc32c(""), 0u);
}

TEST(EventFile, IsReadBack) {
    nepenthe::testing::TemporaryFolder folder;
    const auto place = folder.path() / "run/tensorboard";
    {
        EventFile file(place);
        file.scalar("train/loss", 0, 2.5);
        file.scalar("train/loss", 300, -0.125);
        file.scalar("lr", std::numeric_limits<std::int64_t>::max(), 1e300);  // beyond a float
        file.scalar("", -1, std::nan(""));
    }
    const std::vector<Event> events = read_folder(place);
    ASSERT_EQ(events.size(), 5u);
    EXPECT_EQ(events[0].version, "brain.Event:2");
    EXPECT_GT(events[0].wall_time, 1.6e9);
    EXPECT_GE(events[1].wall_time, events[0].wall_time);
    EXPECT_EQ(events[1].tag, "train/loss");
    EXPECT_EQ(events[1].value, 2.5f);
    EXPECT_EQ(events[2].step, 300);
    EXPECT_EQ(events[2].value, -0.125f);
    EXPECT_EQ(events[3].step, std::numeric_limits<std::int64_t>::max());
    EXPECT_TRUE(std::isinf(events[3].value));
    EXPECT_EQ(events[4].step, -1);
    EXPECT_TRUE(std::isnan(events[4].value));
}

TEST(EventFile, ShowsARecordBeforeItIsClosed) {
    nepenthe::testing::TemporaryFolder folder;
    EventFile file(folder.path());
    file.scalar("a", 1, 1.0);
    EXPECT_EQ(read_folder(folder.path()).size(), 2u);
}

TEST(EventFile, NamesAFolderThatCannotBe) {
    nepenthe::testing::TemporaryFolder folder;
    const auto taken = folder.write("taken", "");
    nepenthe::testing::expect_contains(
        nepenthe::testing::message_of(ErrorKind::kInputOutput, [&] { EventFile file(taken / "run"); }), "taken");
}

}  // namespace
}  // namespace nepenthe::report
