// Merging of identical pages, within and across spaces: hash, then compare.
#pragma once

#include <twofold/memory/page_contents.hpp>
#include <twofold/memory/space_cursor.hpp>
#include <twofold/paging/duty.hpp>

#include <boost/intrusive/unordered_set.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace twofold {

/// A page that was seen in this pass: where, and its hash. Whether the page is still there is found
/// out when another has the same hash, so candidates need not hear of what happens to spaces.
struct MergeCandidate : boost::intrusive::unordered_set_base_hook<
                            boost::intrusive::link_mode<boost::intrusive::normal_link>> {
    std::uint64_t hash = 0;
    Gpa gpa;
    std::uint32_t space = 0;

    struct Hash {
        std::size_t operator()(MergeCandidate const& candidate) const { return candidate.hash; }
        std::size_t operator()(std::uint64_t wanted) const { return wanted; }
    };
    friend bool operator==(MergeCandidate const& a, MergeCandidate const& b) {
        return a.hash == b.hash;
    }
    struct SameHash {
        bool operator()(std::uint64_t wanted, MergeCandidate const& candidate) const {
            return wanted == candidate.hash;
        }
    };
};

using MergeIndex =
    boost::intrusive::unordered_set<MergeCandidate, boost::intrusive::hash<MergeCandidate::Hash>,
                                    boost::intrusive::constant_time_size<false>,
                                    boost::intrusive::power_2_buckets<true>>;

/// What one step or pass has come to; all are counts.
struct Merging {
    /// Addresses looked at: one for each small page, and one for each stretch without any.
    std::uint64_t steps = 0;
    /// Pages whose contents were read.
    std::uint64_t hashed = 0;
    /// Pages that share the frame of another page now, and pages that share the zero frame.
    std::uint64_t merged = 0;
    std::uint64_t zeroed = 0;
    /// All spaces were gone through.
    bool pass_ended = false;
};

/// Merges pages of 4 KiB that are mapped through tables of one space alone: those in shared tables
/// are shared already, and large pages stay large. None of the spaces may run during a step.
template <class Space>
class Merger {
  public:
    /// One candidate for 16 frames: it is enough for as many different pages at a time; when there
    /// are more, those seen first are forgotten. With it metadata stays within 32 bytes a frame.
    static constexpr std::uint64_t frames_per_candidate = 16;

    /// `buckets`: a power of two of them. Both are the merger's until it ends.
    Merger(SpaceRegistry& registry, std::span<MergeCandidate> candidates,
           std::span<MergeIndex::bucket_type> buckets)
        : registry_(&registry), cursor_(registry), candidates_(candidates),
          index_(MergeIndex::bucket_traits{buckets.data(), buckets.size()}) {}
    ~Merger() { forget(); }
    Merger(Merger const&) = delete;
    Merger& operator=(Merger const&) = delete;

    /// In the background: looks at up to `steps` addresses from where the last step ended.
    /// `carry_out(space, duty)` performs a duty; it is called right after each change.
    template <class CarryOut>
    Merging step(std::uint64_t steps, CarryOut&& carry_out) {
        Merging result;
        for (; result.steps < steps && !result.pass_ended; ++result.steps)
            look(result, carry_out);
        return result;
    }
    /// On request: the pages of [`from`, `from` + `bytes`) in one space, with those seen in this
    /// pass. Where the background stands stays as it is.
    template <class CarryOut>
    Merging offer(Space& space, Gpa from, std::uint64_t bytes, CarryOut&& carry_out) {
        Merging result;
        for (Gpa gpa = from; gpa < from + bytes; ++result.steps) {
            auto const [page, next] = space.private_small_page(gpa);
            look_at(space, gpa, page, result, carry_out);
            gpa = next;
        }
        return result;
    }
    /// On request: all spaces once, from the first to the last.
    template <class CarryOut>
    Merging pass(CarryOut&& carry_out) {
        end_pass();
        return step(~std::uint64_t{0}, carry_out);
    }

  private:
    using Page = std::optional<
        Slot<typename std::remove_cvref_t<decltype(std::declval<Space&>().format())>>>;

    static Hpa frame_of(Page const& page) { return Hpa{page->entry.frame(page_4k)}; }

    template <class CarryOut>
    void look(Merging& result, CarryOut&& carry_out) {
        Space* const space = cursor_.space();
        if (space == nullptr) {
            end_pass();
            result.pass_ended = true;
            return;
        }
        Gpa const gpa = cursor_.gpa();
        auto const [page, next] = space->private_small_page(gpa);
        cursor_.advance(*space, next);
        look_at(*space, gpa, page, result, carry_out);
    }

    template <class CarryOut>
    void look_at(Space& space, Gpa gpa, Page const& page, Merging& result, CarryOut&& carry_out) {
        if (!page || frame_of(page) == space.options().zero_frame || !space.can_share_frame())
            return;
        ++result.hashed;
        auto const digest = digest_of(space.memory(), frame_of(page));
        if (digest.all_zero && space.options().zero_frame) {
            carry_out(space, space.share_frame(gpa, *page, *space.options().zero_frame));
            ++result.zeroed;
        } else if (merge_with_candidate(space, gpa, page, digest.hash, carry_out)) {
            ++result.merged;
        }
    }

    /// Whether the page has been merged. If not, it is the candidate now.
    template <class CarryOut>
    bool merge_with_candidate(Space& space, Gpa gpa, Page const& page, std::uint64_t hash,
                              CarryOut&& carry_out) {
        auto const found = index_.find(hash, MergeCandidate::Hash{}, MergeCandidate::SameHash{});
        if (found == index_.end()) {
            remember(space, gpa, hash);
            return false;
        }
        auto* const other = static_cast<Space*>(registry_->find(found->space));
        Page const twin = other != nullptr ? other->private_small_page(found->gpa).slot : Page{};
        if (twin && frame_of(twin) == frame_of(page)) return false; // merged before
        bool const same = twin && same_contents(space.memory(), frame_of(twin), frame_of(page));
        if (!same) {
            found->space = space.id();
            found->gpa = gpa;
            return false;
        }
        carry_out(*other, other->write_protect(*twin));
        carry_out(space, space.share_frame(gpa, *page, frame_of(twin)));
        return true;
    }

    void remember(Space const& space, Gpa gpa, std::uint64_t hash) {
        if (candidates_.empty()) return;
        if (used_ == candidates_.size()) forget();
        MergeCandidate& candidate = candidates_[used_++];
        candidate.hash = hash;
        candidate.gpa = gpa;
        candidate.space = space.id();
        index_.insert(candidate);
    }
    void forget() {
        index_.clear();
        used_ = 0;
    }
    void end_pass() {
        forget();
        cursor_.wrap();
    }

    SpaceRegistry* registry_;
    SpaceCursor<Space> cursor_;
    std::span<MergeCandidate> candidates_;
    std::size_t used_ = 0;
    MergeIndex index_;
};

static_assert(FrameMetadata::bytes_for(1 << 18) +
                      (sizeof(MergeCandidate) + sizeof(MergeIndex::bucket_type)) * (1 << 18) / 16 <=
                  (1 << 18) * std::uint64_t{32},
              "metadata is at most 32 bytes a frame, what merging needs included");

} // namespace twofold
