// A guest's memory as the loader fills it, where all of it together may be more than there is.
#pragma once

#include "hv/vm/scheduler.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

namespace twofold::hv {

/// Passes everything on to the space. What fails for want of frames is done again page by page,
/// with room made for each, so that a page may leave while the next one is filled.
class LoadMemory {
  public:
    LoadMemory(Scheduler& scheduler, Space& space) : scheduler_(scheduler), space_(space) {}

    std::expected<void, SpaceError> write(Gpa to, std::span<std::byte const> bytes) {
        return in_pieces(to, bytes.size(), [&](Gpa at, std::uint64_t done, std::uint64_t length) {
            return space_.write(at, bytes.subspan(done, length));
        });
    }
    std::expected<void, SpaceError> read(Gpa from, std::span<std::byte> bytes) {
        return in_pieces(from, bytes.size(), [&](Gpa at, std::uint64_t done, std::uint64_t length) {
            return space_.read(at, bytes.subspan(done, length));
        });
    }
    std::expected<void, SpaceError> zero(Gpa from, std::uint64_t bytes) {
        return in_pieces(from, bytes, [&](Gpa at, std::uint64_t, std::uint64_t length) {
            return space_.zero(at, length);
        });
    }

  private:
    template <class Action>
    std::expected<void, SpaceError> in_pieces(Gpa gpa, std::uint64_t bytes, Action&& action) {
        auto const whole = action(gpa, 0, bytes);
        if (whole || !scheduler_.can_find_frames(whole.error())) return whole;
        for (std::uint64_t done = 0; done < bytes;) {
            Gpa const at = gpa + done;
            std::uint64_t const length =
                std::min(bytes - done, page_4k.bytes() - at.offset_in(page_4k.bytes()));
            auto const piece = scheduler_.with_frames([&] { return action(at, done, length); });
            if (!piece) return piece;
            done += length;
        }
        return {};
    }

    Scheduler& scheduler_;
    Space& space_;
};

} // namespace twofold::hv
