// The bytes of a buffer, however the driver has cut it into parts.
#pragma once

#include <twofold/device/virtio/split_queue.hpp>

#include <algorithm>

namespace twofold::virtio {

/// Bytes in all; saturates far above what any device takes.
constexpr std::uint64_t bytes_of(std::span<Part const> parts) {
    std::uint64_t sum = 0;
    for (Part const& part : parts)
        sum += part.bytes;
    return sum;
}

/// Goes through parts from their beginning.
class PartsCursor {
  public:
    explicit PartsCursor(std::span<Part const> parts) : parts_(parts) {}

    /// Fills `to` with the next bytes; false when there are fewer, or when they lie outside memory.
    template <class Memory>
    bool read(Memory& memory, std::span<std::byte> to) {
        return advance(to.size(), [&](Gpa gpa, std::size_t from, std::size_t count) {
            return memory.read(gpa, to.subspan(from, count)).has_value();
        });
    }
    template <class Memory>
    bool write(Memory& memory, std::span<std::byte const> from) {
        return advance(from.size(), [&](Gpa gpa, std::size_t at, std::size_t count) {
            return memory.write(gpa, from.subspan(at, count)).has_value();
        });
    }

  private:
    template <class Piece>
    bool advance(std::size_t bytes, Piece&& piece) {
        for (std::size_t done = 0; done < bytes;) {
            if (parts_.empty()) return false;
            std::uint64_t const left = parts_.front().bytes - offset_;
            if (left == 0) {
                parts_ = parts_.subspan(1);
                offset_ = 0;
                continue;
            }
            auto const count =
                static_cast<std::size_t>(std::min<std::uint64_t>(left, bytes - done));
            if (!piece(parts_.front().gpa + offset_, done, count)) return false;
            done += count;
            offset_ += count;
        }
        return true;
    }

    std::span<Part const> parts_;
    std::uint64_t offset_ = 0;
};

} // namespace twofold::virtio
