#include "base/error.h"
#include "base/fault.h"
#include "base/hash.h"
#include "dist/activity.h"
#include "dist/agreed_call.h"
#include "dist/comm_impl.h"
#include "dist/guard.h"
#include "io/descriptor.h"
#include "io/file.h"
#include "store/artefact.h"
#include "store/h5_layout.h"
#include "store/hdf5.h"
#include "store/timestamp.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>

namespace nepenthe::store {

namespace {

constexpr std::uint64_t kMaxChunkBytes = (std::uint64_t{1} << 32) - 1;  // HDF5's own limit
// A round holds this much over all ranks. It must not depend on their number: the order in which chunks reach the file
// is the order of rounds.
constexpr std::uint64_t kRoundBytes = std::uint64_t{64} << 20;
constexpr std::uint64_t kMaxRoundBlocks = 256;
// Headers and index of a round.
constexpr std::uint64_t kSpareBytes = std::uint64_t{256} << 10;

// A rank that fails in a call which the others do not come back from waits this long for them.
constexpr std::chrono::seconds kPatience{10};

// An object that all ranks close together, or nobody: left open where an error ends its scope, because closing it would
// wait for ranks that are elsewhere.
template <typename Handle>
class ClosedTogether {
  public:
    ClosedTogether() = default;
    ~ClosedTogether() { handle_.leak(); }
    ClosedTogether(const ClosedTogether&) = delete;
    ClosedTogether& operator=(const ClosedTogether&) = delete;
    void open(Handle handle) { handle_ = std::move(handle); }
    hid_t get() const { return handle_.get(); }
    void close(std::string_view action) { handle_.close(action); }

  private:
    Handle handle_;
};

H5Properties creation_properties(const H5Layout& layout, bool compress) {
    H5Properties plist(H5Pcreate(H5P_DATASET_CREATE), "describe a dataset");
    const std::string action = "describe dataset " + layout.name;
    check_h5(H5Pset_obj_track_times(plist.get(), false), action);
    if (layout.rows() == 0 || layout.row_bytes() == 0) return plist;  // nothing to cut or to check
    std::vector<hsize_t> chunk(layout.shape.begin(), layout.shape.end());
    chunk[0] = std::min(layout.rows_per_block, layout.rows());
    if (chunk[0] * layout.row_bytes() > kMaxChunkBytes) {
        fail(ErrorKind::kInternal, "dataset {}: a chunk of {} rows is beyond HDF5's 4 GiB", layout.name, chunk[0]);
    }
    check_h5(H5Pset_chunk(plist.get(), static_cast<int>(chunk.size()), chunk.data()), action);
    // All chunks are written; filling them beforehand would write the file twice.
    check_h5(H5Pset_fill_time(plist.get(), H5D_FILL_TIME_NEVER), action);
    if (compress) {
        check_h5(H5Pset_shuffle(plist.get()), action);
        check_h5(H5Pset_deflate(plist.get(), 1), action);
    }
    check_h5(H5Pset_fletcher32(plist.get()), action);
    return plist;
}

}  // namespace

struct H5Writer::Impl {
    dist::Comm comm;
    std::filesystem::path path;
    H5File file;
    std::map<std::string, H5Layout> layouts;
    std::map<std::string, std::map<std::uint64_t, std::string>> written;  // block digests of this rank, by dataset
    bool closed = false;

    Impl(const dist::Comm& world, std::filesystem::path where) : comm(dist::duplicate(world)), path(std::move(where)) {}
    ~Impl() {
        if (closed) return;
        // Something failed, perhaps on this rank alone, and closing is collective. HDF5 would try it once more when MPI
        // ends, and crashes where the file cannot be written.
        file.leak();
        dist::leave_mpi_open();
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    std::string action(std::string_view what) const { return fmt::format("{} {}", what, path.string()); }

    // Collective. HDF5 calls that all ranks make alike, and in which one waits for the others; the first failing rank's
    // error becomes everyone's. What can fail on one rank alone belongs before it, into run_agreed.
    template <typename Work>
    void together(std::string_view what, const Work& work) const {
        const dist::ActivityScope scope(comm, fmt::format("HDF5 {}", what));
        dist::run_agreed_within(comm, fmt::format("{} {}", what, path.filename().string()), kPatience, [&] {
            fault_point("hdf5.in_call");
            try {
                work();
            } catch (const Error& error) {
                if (error.kind() != ErrorKind::kInputOutput) throw;
                // The MPI file layer's own words seldom tell a full disk from a broken one.
                fail(error.kind(), "{}{}", error.what(), io::room_advice(path));
            }
        });
    }

    // Open MPI tries whether files can be locked on one beside the file, which a kill leaves there to be published.
    void remove_lock_trials() const {
        const std::string trial = path.filename().string() + ".locktest.";
        std::vector<std::filesystem::path> left;
        for (const auto& entry : std::filesystem::directory_iterator(path.parent_path())) {
            if (entry.path().filename().string().starts_with(trial)) left.push_back(entry.path());
        }
        for (const std::filesystem::path& trial_file : left) std::filesystem::remove(trial_file);
    }

    // Collective.
    void open() {
        H5Properties access, creation;
        dist::run_agreed(comm, fmt::format("create {}", path.filename().string()), [&] {
            prepare_hdf5();
            if (comm.is_root()) {
                // What an earlier run left may be read-only, or another user's.
                if (::unlink(path.c_str()) != 0 && errno != ENOENT) io::fail_errno("replace", path, errno);
                remove_lock_trials();
            }
            access = H5Properties(H5Pcreate(H5P_FILE_ACCESS), "describe file access");
            check_h5(H5Pset_fapl_mpio(access.get(), comm.impl().handle, MPI_INFO_NULL), "describe file access");
            // The format of 1.10 has checksums on metadata; later ones would lock out older readers.
            check_h5(H5Pset_libver_bounds(access.get(), H5F_LIBVER_V110, H5F_LIBVER_V110), "describe file access");
            creation = H5Properties(H5Pcreate(H5P_FILE_CREATE), "describe the file");
            check_h5(H5Pset_obj_track_times(creation.get(), false), "describe the file");
        });
        together("create", [&] {
            file = H5File(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()), action("create"));
        });
        dist::run_agreed(comm, "create", [] { fault_point("hdf5.created"); });
    }

    // Collective.
    void create(const H5Layout& layout, hid_t type, bool compress, const Json& attributes) {
        const std::string what = action("create " + layout.name + " in");
        H5Properties plist, links;
        H5Space space;
        dist::run_agreed(comm, "describe " + layout.name, [&] {
            plist = creation_properties(layout, compress);
            links = H5Properties(H5Pcreate(H5P_LINK_CREATE), "describe a link");
            check_h5(H5Pset_create_intermediate_group(links.get(), 1), "describe a link");
            std::vector<hsize_t> dims(layout.shape.begin(), layout.shape.end());
            space = H5Space(H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr), "describe a shape");
        });
        ClosedTogether<H5Dataset> dataset;
        together("create", [&] {
            dataset.open(
                {H5Dcreate2(file.get(), layout.name.c_str(), type, space.get(), links.get(), plist.get(), H5P_DEFAULT),
                 what});
        });
        together("write attributes of", [&] {
            for (const auto& [name, value] : attributes.items()) write_attribute(dataset.get(), name, value);
        });
        together("close dataset of", [&] { dataset.close(what); });
    }

    // Collective. Creates and remembers the dataset.
    void add(const H5Layout& layout, hid_t type, bool compress, const Json& attributes) {
        NEPENTHE_CHECK(!layout.shape.empty() && layout.rows_per_block > 0 && !layouts.contains(layout.name));
        dist::run_agreed(comm, "room for " + layout.name, [&] {
            const std::uint64_t bytes = layout.rows() * layout.row_bytes();
            const std::uint64_t free = comm.is_root() ? io::free_bytes(path) : bytes;
            if (!compress && free < bytes) {
                fail(ErrorKind::kDoesNotFit, "{} needs {} bytes for {}, {} are free; choose another output folder",
                     path.string(), bytes, layout.name, free);
            }
        });
        create(layout, type, compress, attributes);
        layouts[layout.name] = layout;
    }

    using Fill = std::function<void(std::uint64_t first_row, std::uint64_t rows, std::span<std::byte> out)>;

    // Collective. One dataset in rounds; in a round each rank writes one contiguous run of blocks, or nothing.
    void write(const H5Layout& layout, hid_t type, const Fill& fill) {
        const std::uint64_t blocks = layout.blocks();
        if (blocks == 0 || layout.row_bytes() == 0) return;
        const std::uint64_t block_bytes = layout.rows_per_block * layout.row_bytes();
        const std::uint64_t in_round = std::clamp<std::uint64_t>(kRoundBytes / block_bytes, 1, kMaxRoundBlocks);
        H5Properties transfer;
        dist::run_agreed(comm, "describe a transfer", [&] {
            transfer = H5Properties(H5Pcreate(H5P_DATASET_XFER), "describe a transfer");
            check_h5(H5Pset_dxpl_mpio(transfer.get(), H5FD_MPIO_COLLECTIVE), "describe a transfer");
        });
        ClosedTogether<H5Dataset> dataset;
        together("open dataset of", [&] {
            dataset.open(
                {H5Dopen2(file.get(), layout.name.c_str(), H5P_DEFAULT), action("open " + layout.name + " in")});
        });
        for (std::uint64_t first = 0; first < blocks; first += in_round) {
            write_round(layout, type, dataset.get(), transfer.get(), first, std::min(in_round, blocks - first), fill);
        }
        together("close dataset of", [&] { dataset.close(action("write " + layout.name + " in")); });
    }

    void write_round(const H5Layout& layout, hid_t type, hid_t dataset, hid_t transfer, std::uint64_t first_block,
                     std::uint64_t blocks, const Fill& fill) {
        const auto share = [&](int rank) {
            return first_block + blocks * static_cast<std::uint64_t>(rank) / static_cast<std::uint64_t>(comm.size());
        };
        const std::uint64_t begin = share(comm.rank()), end = share(comm.rank() + 1);
        const std::uint64_t first_row = begin * layout.rows_per_block;
        const std::uint64_t rows = begin == end ? 0 : std::min(end * layout.rows_per_block, layout.rows()) - first_row;
        std::vector<std::byte> bytes;
        H5Space space, memory;
        dist::run_agreed(comm, "write " + layout.name, [&] {
            fault_point("hdf5.before_write");
            if (comm.is_root()) require_space(layout, blocks);
            bytes.resize(std::max<std::uint64_t>(rows * layout.row_bytes(), 1));
            if (rows > 0) fill(first_row, rows, std::span(bytes).first(rows * layout.row_bytes()));
            for (std::uint64_t block = begin; block < end; ++block) {
                const auto at = (block - begin) * layout.rows_per_block * layout.row_bytes();
                const Bytes part = Bytes(bytes).subspan(at, layout.rows_in_block(block) * layout.row_bytes());
                written[layout.name][block] = Sha256().update(part).hex();
            }
            space = H5Space(H5Dget_space(dataset), "describe rows");
            select_rows(space.get(), layout.shape, first_row, rows);
            memory = rows_in_memory(layout.shape, rows);
        });
        together("write", [&] {
            check_h5(H5Dwrite(dataset, type, memory.get(), space.get(), transfer, bytes.data()),
                     action("write " + layout.name + " in"));
        });
    }

    // On a full disk the MPI file layer loses data without saying so; asking first is the only reliable report.
    void require_space(const H5Layout& layout, std::uint64_t blocks) const {
        const std::uint64_t bytes = blocks * layout.rows_per_block * layout.row_bytes() + kSpareBytes;
        const std::uint64_t free = io::free_bytes(path);
        if (free >= bytes) return;
        fail(ErrorKind::kInputOutput,
             "{}: {} bytes are free, {} may be needed for the next rows of {}; free some space, then start the same "
             "command again",
             path.string(), free, bytes, layout.name);
    }

    // Collective. Reads every block back on the rank that wrote it, compares, and digests the content.
    std::string verify(const std::string& format) const {
        const dist::ActivityScope scope(comm, "HDF5 read back");
        dist::run_agreed(comm, "read back " + path.filename().string(), [&] {
            const H5Reader reader(path, format);
            for (const auto& [name, digests] : written) {
                const H5Layout& layout = layouts.at(name);
                for (const auto& [block, digest] : digests) {
                    const auto bytes =
                        reader.read_rows(name, block * layout.rows_per_block, layout.rows_in_block(block));
                    if (Sha256().update(bytes).hex() != digest) {
                        fail(ErrorKind::kInputOutput,
                             "{}: block {} of {} does not read back as it was written; the disk or its file system is "
                             "at fault",
                             path.string(), block, name);
                    }
                }
            }
        });
        Json mine = Json::object();
        for (const auto& [name, digests] : written) {
            for (const auto& [block, digest] : digests) mine[name].push_back({block, digest});
        }
        std::map<std::string, std::map<std::uint64_t, std::string>> all;
        for (const std::string& part : comm.all_gather(canonical_json(mine))) {
            const Json theirs = parse_json(part, "a rank's digests");
            for (const auto& [name, digests] : theirs.items()) {
                for (const Json& entry : digests)
                    all[name][entry[0].get<std::uint64_t>()] = entry[1].get<std::string>();
            }
        }
        std::string digest;
        dist::run_agreed(comm, "digest " + path.filename().string(), [&] {
            if (comm.is_root()) digest = compose(all, format);
        });
        comm.broadcast(digest);
        return digest;
    }

    std::string compose(std::map<std::string, std::map<std::uint64_t, std::string>>& all,
                        const std::string& format) const {
        std::vector<H5Layout> sorted;
        std::vector<std::vector<std::string>> blocks;
        for (const auto& [name, layout] : layouts) {
            if (layout.row_bytes() != 0 && all[name].size() != layout.blocks()) {
                fail(ErrorKind::kInternal, "dataset {} was created but not written", name);
            }
            sorted.push_back(layout);
            auto& digests = blocks.emplace_back();
            for (const auto& [block, digest] : all[name]) digests.push_back(digest);
        }
        return h5_content_digest(H5Reader(path, format).attributes(), sorted, blocks);
    }
};

H5Writer::H5Writer(const dist::Comm& comm, std::filesystem::path path, std::string format, int format_version,
                   const Json& attributes)
    : impl_(std::make_unique<Impl>(comm, std::move(path))) {
    impl_->open();
    // Ranks would write different clocks; attributes are metadata, which must be equal everywhere.
    std::string created = timestamp();
    impl_->comm.broadcast(created);
    Json all = {{"format", format},
                {"format_version", format_version},
                {"creator", "nepenthe " NEPENTHE_VERSION},
                {"created", created},
                {"command_line", command_line()}};
    if (!attributes.is_null()) all.update(attributes);
    format_ = std::move(format);
    set_attributes(all);
}

H5Writer::~H5Writer() = default;

void H5Writer::create(const DatasetSpec& spec) {
    Json attributes = {
        {"description", spec.description}, {"axes", spec.axes}, {"rows_per_block", std::uint64_t{spec.rows_per_chunk}}};
    if (!spec.units.empty()) attributes["units"] = spec.units;
    if (spec.type == H5Type::kBF16) attributes["dtype"] = "bfloat16";
    const H5Layout layout{spec.name, std::string(h5_type_name(spec.type)), h5_type_bytes(spec.type), spec.shape,
                          spec.rows_per_chunk};
    impl_->add(layout, h5_native(spec.type), spec.compress, attributes);
}

void H5Writer::write_rows(const std::string& name, const Impl::Fill& fill) {
    const auto found = impl_->layouts.find(name);
    if (found == impl_->layouts.end()) fail(ErrorKind::kInternal, "dataset {} was not created", name);
    impl_->write(found->second, h5_native(h5_type_from_name(found->second.type, name)), fill);
}

void H5Writer::write_small(const DatasetSpec& spec, Bytes bytes) {
    DatasetSpec whole = spec;
    whole.rows_per_chunk = std::max<std::uint64_t>(spec.shape.at(0), 1);
    create(whole);
    write_rows(spec.name, [&](std::uint64_t, std::uint64_t, std::span<std::byte> out) {
        NEPENTHE_CHECK(out.size() == bytes.size());
        std::memcpy(out.data(), bytes.data(), bytes.size());
    });
}

void H5Writer::write_text(const std::string& name, std::string_view text, std::string_view description) {
    const std::size_t bytes = std::max<std::size_t>(text.size(), 1);
    const H5Layout layout{name, "text", bytes, {1}, 1};
    const H5TypeId type = h5_string_type(bytes);
    impl_->add(layout, type.get(), true, {{"description", description}, {"rows_per_block", std::uint64_t{1}}});
    impl_->write(layout, type.get(), [&](std::uint64_t, std::uint64_t, std::span<std::byte> out) {
        std::fill(out.begin(), out.end(), std::byte{0});
        std::memcpy(out.data(), text.data(), text.size());
    });
}

void H5Writer::set_attributes(const Json& attributes) {
    ClosedTogether<H5Group> root;
    impl_->together("write attributes of", [&] {
        root.open({H5Gopen2(impl_->file.get(), "/", H5P_DEFAULT), "open the root group"});
        for (const auto& [name, value] : attributes.items()) write_attribute(root.get(), name, value);
    });
    impl_->together("close the root of", [&] { root.close("close the root group"); });
}

std::string H5Writer::close() {
    dist::run_agreed(impl_->comm, "close", [] { fault_point("hdf5.before_close"); });
    // Closing alone does not reach the disk; flushing does.
    impl_->together("flush", [&] { check_h5(H5Fflush(impl_->file.get(), H5F_SCOPE_GLOBAL), impl_->action("flush")); });
    impl_->together("close", [&] { impl_->file.close(impl_->action("close")); });
    impl_->closed = true;
    return impl_->verify(format_);
}

}  // namespace nepenthe::store
