#include "kvm/snapshot_file.hpp"

#include "system/failure.hpp"
#include "system/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <limits>

namespace twofold::vmm::kvm {

namespace {

constexpr std::uint64_t snapshot_magic = 0x50414e5346464f54; // "TOFFSNAP", first byte lowest
/// To be raised with every change of what follows it.
constexpr std::uint32_t snapshot_version = 4;
constexpr std::uint64_t largest_head = std::uint64_t{1} << 20;

struct Preamble {
    std::uint64_t magic;
    std::uint32_t version;
    std::uint32_t head_bytes;
    std::uint64_t memory_offset;
    std::uint64_t memory_bytes;
    /// Of the head's bytes and of the fields above.
    std::uint64_t checksum;
};

/// FNV-1a of 64 bits: finds what storage does to files by accident.
std::uint64_t checksum_of(std::span<std::byte const> bytes, std::uint64_t from) {
    for (auto const byte : bytes)
        from = (from ^ std::to_integer<std::uint64_t>(byte)) * 0x100'0000'01b3;
    return from;
}

std::uint64_t checksum_of(Preamble preamble, std::span<std::byte const> head) {
    preamble.checksum = 0;
    constexpr std::uint64_t offset_basis = 0xcbf2'9ce4'8422'2325;
    return checksum_of(head, checksum_of(std::as_bytes(std::span{&preamble, 1}), offset_basis));
}

class Writer {
  public:
    template <class T>
    void put(T const& value) requires std::is_trivially_copyable_v<T> {
        auto const raw = std::as_bytes(std::span{&value, 1});
        bytes_.insert(bytes_.end(), raw.begin(), raw.end());
    }
    template <class T>
    void put(std::span<T const> values) {
        put(std::uint64_t{values.size()});
        for (T const& value : values)
            put(value);
    }
    template <class T>
    void put_optional(std::optional<T> const& value) {
        put(static_cast<std::uint8_t>(value.has_value()));
        if (value) put(*value);
    }
    [[nodiscard]] std::vector<std::byte> take() { return std::move(bytes_); }

  private:
    std::vector<std::byte> bytes_;
};

/// Reads what a Writer wrote; throws when there is less.
class Reader {
  public:
    explicit Reader(std::span<std::byte const> bytes) : bytes_(bytes) {}
    template <class T>
    T get() requires std::is_trivially_copyable_v<T> {
        if (bytes_.size() < sizeof(T)) throw Failure{"its head is shorter than it must be"};
        std::array<std::byte, sizeof(T)> raw;
        std::ranges::copy(bytes_.first(sizeof(T)), raw.begin());
        bytes_ = bytes_.subspan(sizeof(T));
        return std::bit_cast<T>(raw);
    }
    template <class T>
    std::optional<T> get_optional() {
        if (get<std::uint8_t>() == 0) return std::nullopt;
        return get<T>();
    }
    template <class T>
    std::vector<T> get_all() {
        auto const count = get<std::uint64_t>();
        if (count > bytes_.size() / sizeof(T)) throw Failure{"its head is shorter than it must be"};
        std::vector<T> values;
        for (std::uint64_t i = 0; i < count; ++i)
            values.push_back(get<T>());
        return values;
    }

  private:
    std::span<std::byte const> bytes_;
};

void encode(Writer& writer, ProcessorState const& state) {
    writer.put(state.registers);
    writer.put(state.special);
    writer.put(state.debug);
    writer.put(state.events);
    writer.put(state.run_state);
    writer.put(state.fpu);
    writer.put_optional(state.vector_state);
    writer.put_optional(state.extended_control);
    writer.put_optional(state.local_apic);
    writer.put(std::span<kvm_msr_entry const>{state.msrs});
}

ProcessorState decode_processor(Reader& reader) {
    ProcessorState state{};
    state.registers = reader.get<kvm_regs>();
    state.special = reader.get<kvm_sregs>();
    state.debug = reader.get<kvm_debugregs>();
    state.events = reader.get<kvm_vcpu_events>();
    state.run_state = reader.get<kvm_mp_state>();
    state.fpu = reader.get<kvm_fpu>();
    state.vector_state = reader.get_optional<kvm_xsave>();
    state.extended_control = reader.get_optional<kvm_xcrs>();
    state.local_apic = reader.get_optional<kvm_lapic_state>();
    state.msrs = reader.get_all<kvm_msr_entry>();
    return state;
}

std::vector<std::byte> encode(SnapshotHead const& head) {
    Writer writer;
    writer.put(std::span<char const>{head.name});
    writer.put(head.guest_page_shift);
    writer.put(head.board.unknown);
    writer.put(head.board.uart);
    writer.put_optional(head.board.pc);
    writer.put_optional(head.board.console);
    writer.put_optional(head.machine.chips);
    writer.put(head.machine.clock);
    writer.put(std::uint64_t{head.processors.size()});
    for (auto const& state : head.processors)
        encode(writer, state);
    return writer.take();
}
SnapshotHead decode(std::span<std::byte const> bytes, std::uint64_t memory_bytes) {
    Reader reader{bytes};
    SnapshotHead head{};
    auto const name = reader.get_all<char>();
    head.name.assign(name.begin(), name.end());
    head.memory_bytes = memory_bytes;
    head.guest_page_shift = reader.get<std::uint8_t>();
    head.board.unknown = reader.get<UnknownIo>();
    head.board.uart = reader.get<GuestUart>();
    head.board.pc = reader.get_optional<PcDevices>();
    head.board.console = reader.get_optional<virtio::MmioTransport>();
    head.machine.chips = reader.get_optional<InterruptChipsState>();
    head.machine.clock = reader.get<kvm_clock_data>();
    auto const processors = reader.get<std::uint64_t>();
    for (std::uint64_t n = 0; n < processors; ++n)
        head.processors.push_back(decode_processor(reader));
    if (head.processors.empty()) throw Failure{"it holds no processor"};
    return head;
}

void check_preamble(Preamble const& preamble, std::uint64_t file_bytes) {
    if (preamble.magic != snapshot_magic) throw Failure{"it is no snapshot of this program's"};
    if (preamble.version != snapshot_version)
        throw Failure{fmt::format("its version is {}, and this program knows {}: save it again",
                                  preamble.version, snapshot_version)};
    if (preamble.head_bytes > largest_head || preamble.memory_offset % page_4k.bytes() != 0 ||
        preamble.memory_bytes % page_4k.bytes() != 0 || preamble.memory_bytes == 0 ||
        preamble.memory_offset < sizeof preamble + preamble.head_bytes ||
        preamble.memory_bytes > std::numeric_limits<std::uint64_t>::max() - preamble.memory_offset)
        throw Failure{"its first bytes were changed: no snapshot is laid out so"};
    if (file_bytes != preamble.memory_offset + preamble.memory_bytes)
        throw Failure{fmt::format("it has {} bytes, and must have {}: it was cut off or added to",
                                  file_bytes, preamble.memory_offset + preamble.memory_bytes)};
}

} // namespace

BoardOptions board_options_of(SnapshotHead const& head) {
    return {.pc = head.board.pc.has_value(),
            .processors = static_cast<unsigned>(head.processors.size()),
            .unknown = head.board.unknown};
}

void write_snapshot(std::filesystem::path const& file, SnapshotHead const& head,
                    std::span<std::byte const> memory) {
    auto const encoded = encode(head);
    Preamble preamble{.magic = snapshot_magic,
                      .version = snapshot_version,
                      .head_bytes = static_cast<std::uint32_t>(encoded.size()),
                      .memory_offset =
                          pages_for(sizeof(Preamble) + encoded.size(), page_4k) * page_4k.bytes(),
                      .memory_bytes = memory.size(),
                      .checksum = 0};
    preamble.checksum = checksum_of(preamble, encoded);
    std::vector<std::byte> bytes(preamble.memory_offset + memory.size());
    std::memcpy(bytes.data(), &preamble, sizeof preamble);
    std::ranges::copy(encoded, bytes.begin() + sizeof preamble);
    std::ranges::copy(memory, bytes.begin() + static_cast<std::ptrdiff_t>(preamble.memory_offset));
    write_file(file, bytes);
}

SnapshotFile::SnapshotFile(std::filesystem::path const& file)
    : path_(file), file_(open(file.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (!file_.open()) throw SystemFailure{fmt::format("can't open {}", file.string()), errno};
    try {
        struct stat status {};
        Preamble preamble{};
        if (fstat(file_.get(), &status) != 0 ||
            pread(file_.get(), &preamble, sizeof preamble, 0) != sizeof preamble)
            throw Failure{"it is no snapshot of this program's: it is too short"};
        check_preamble(preamble, static_cast<std::uint64_t>(status.st_size));
        std::vector<std::byte> bytes(preamble.head_bytes);
        if (pread(file_.get(), bytes.data(), bytes.size(), sizeof preamble) !=
            static_cast<ssize_t>(bytes.size()))
            throw Failure{"its head could not be read"};
        if (checksum_of(preamble, bytes) != preamble.checksum)
            throw Failure{"its checksum does not match: it was changed or torn"};
        head_ = decode(bytes, preamble.memory_bytes);
        memory_offset_ = preamble.memory_offset;
    } catch (Failure const& failure) {
        throw Failure{fmt::format("{} can't be restored: {}", file.string(), failure.what())};
    }
}

GuestRam SnapshotFile::map_memory() const {
    return GuestRam::copy_of(file_, head_.memory_bytes, memory_offset_);
}

std::optional<std::string> SnapshotFile::why_torn() const {
    std::byte last{};
    auto const at = static_cast<off_t>(memory_offset_ + head_.memory_bytes - 1);
    if (pread(file_.get(), &last, 1, at) == 1) return std::nullopt;
    return fmt::format("{} was cut off while the guest ran from it; it must not be changed until "
                       "the guest has ended",
                       path_.string());
}

std::filesystem::path SnapshotFile::touched_file() const { return path_.string() + ".touched"; }

std::vector<std::uint64_t> SnapshotFile::touched_pages() const {
    std::error_code none;
    if (!std::filesystem::exists(touched_file(), none)) return {};
    auto const bytes = read_file(touched_file(), std::uint64_t{1} << 30);
    std::vector<std::uint64_t> pages(bytes.size() / sizeof(std::uint64_t));
    std::memcpy(pages.data(), bytes.data(), pages.size() * sizeof(std::uint64_t));
    std::erase_if(pages,
                  [&](std::uint64_t page) { return page >= head_.memory_bytes / page_4k.bytes(); });
    return pages;
}

void SnapshotFile::record_touched(std::vector<std::uint64_t> const& pages) const {
    write_file(touched_file(), std::as_bytes(std::span{pages}));
}

void prefetch(GuestRam const& ram, std::vector<std::uint64_t> const& pages) {
    // Consecutive pages by one call.
    for (std::size_t first = 0; first < pages.size();) {
        std::size_t last = first + 1;
        while (last < pages.size() && pages[last] == pages[last - 1] + 1)
            ++last;
        auto* const begin = ram.bytes().data() + pages[first] * page_4k.bytes();
        (void)madvise(begin, (last - first) * page_4k.bytes(), MADV_POPULATE_READ);
        first = last;
    }
}

} // namespace twofold::vmm::kvm
