// A disk as virtio has it ("Block Device"), over anything that reads and writes bytes.
#pragma once

#include <twofold/device/virtio/mmio_transport.hpp>
#include <twofold/device/virtio/parts.hpp>

namespace twofold::virtio {

/// `Disk`: `bytes()`, `read_only()`, and `read(offset, span)`, `write(offset, span)` and `flush()`,
/// which are false when they fail.
template <class Disk>
class BlockDevice {
  public:
    static constexpr DeviceKind kind = DeviceKind::block;
    static constexpr std::uint64_t sector_bytes = 512;
    /// More in one request is an error: no exit lasts for as long as a disk is large.
    static constexpr std::uint64_t largest_request = std::uint64_t{32} << 20;

    explicit BlockDevice(Disk disk) : disk_(std::move(disk)) {}

    [[nodiscard]] std::uint64_t features() const {
        constexpr std::uint64_t read_only = 1 << 5;
        constexpr std::uint64_t can_flush = 1 << 9;
        return can_flush | (disk_.read_only() ? read_only : 0);
    }
    /// The configuration: its capacity in sectors.
    [[nodiscard]] std::uint8_t configuration(std::uint64_t offset) const {
        return offset < 8 ? static_cast<std::uint8_t>(sectors() >> 8 * offset) : std::uint8_t{0};
    }

    /// Carries a request out. Returns how many bytes it wrote to the guest's memory.
    template <class Memory>
    std::expected<std::uint32_t, QueueError> answer(unsigned queue, Chain const& chain,
                                                    Memory& memory) {
        Header header{};
        PartsCursor from{chain.readable()};
        std::uint64_t const writable = bytes_of(chain.writable());
        if (queue != 0 || writable == 0 ||
            !from.read(memory, std::as_writable_bytes(std::span{&header, 1})))
            return std::unexpected(QueueError::malformed_request);
        PartsCursor to{chain.writable()};
        Request const request{header, bytes_of(chain.readable()) - sizeof header, writable - 1};
        std::uint64_t written = 0;
        Status const status = carry_out(request, from, to, memory, written);
        // The last byte to write is the status, wherever the data ended.
        if (!put_status(chain.writable(), status, memory))
            return std::unexpected(QueueError::outside_memory);
        return static_cast<std::uint32_t>(status == Status::ok ? written + 1 : writable);
    }

  private:
    enum class Status : std::uint8_t { ok = 0, failed = 1, unsupported = 2 };
    enum Type : std::uint32_t { in = 0, out = 1, flush = 4, get_id = 8 };
    struct Header {
        std::uint32_t type;
        std::uint32_t reserved;
        std::uint64_t sector;
    };
    struct Request {
        Header header;
        std::uint64_t bytes_out;
        std::uint64_t bytes_in;
    };

    [[nodiscard]] std::uint64_t sectors() const { return disk_.bytes() / sector_bytes; }
    [[nodiscard]] bool lies_on_disk(std::uint64_t sector, std::uint64_t bytes) const {
        return bytes % sector_bytes == 0 && bytes <= largest_request && sector <= sectors() &&
               bytes / sector_bytes <= sectors() - sector;
    }

    template <class Memory>
    Status carry_out(Request const& request, PartsCursor& from, PartsCursor& to, Memory& memory,
                     std::uint64_t& written) {
        auto const& [header, bytes_out, bytes_in] = request;
        switch (header.type) {
        case in:
            if (!lies_on_disk(header.sector, bytes_in)) return Status::failed;
            written = bytes_in;
            return move(header.sector, bytes_in,
                        [&](std::uint64_t offset, std::span<std::byte> piece) {
                            return disk_.read(offset, piece) && to.write(memory, piece);
                        });
        case out:
            if (disk_.read_only() || !lies_on_disk(header.sector, bytes_out)) return Status::failed;
            return move(header.sector, bytes_out,
                        [&](std::uint64_t offset, std::span<std::byte> piece) {
                            return from.read(memory, piece) && disk_.write(offset, piece);
                        });
        case flush: return disk_.flush() ? Status::ok : Status::failed;
        case get_id: return name_to(to, bytes_in, memory, written);
        default: return Status::unsupported;
        }
    }

    template <class Piece>
    Status move(std::uint64_t sector, std::uint64_t bytes, Piece&& piece) {
        std::array<std::byte, 4096> buffer;
        for (std::uint64_t done = 0; done < bytes;) {
            auto const count = std::min<std::uint64_t>(buffer.size(), bytes - done);
            if (!piece(sector * sector_bytes + done, std::span{buffer}.first(count)))
                return Status::failed;
            done += count;
        }
        return Status::ok;
    }

    template <class Memory>
    Status name_to(PartsCursor& to, std::uint64_t bytes_in, Memory& memory,
                   std::uint64_t& written) {
        constexpr std::array<char, 20> name{"twofold"};
        written = std::min<std::uint64_t>(bytes_in, name.size());
        auto const bytes = std::as_bytes(std::span{name}).first(written);
        return to.write(memory, bytes) ? Status::ok : Status::failed;
    }

    template <class Memory>
    bool put_status(std::span<Part const> parts, Status status, Memory& memory) {
        while (parts.back().bytes == 0)
            parts = parts.first(parts.size() - 1);
        auto const byte = static_cast<std::byte>(status);
        return memory.write(parts.back().gpa + (parts.back().bytes - 1), std::span{&byte, 1})
            .has_value();
    }

    Disk disk_;
};

} // namespace twofold::virtio
