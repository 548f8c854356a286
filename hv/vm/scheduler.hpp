// The guests that there are, and whose turn it is.
#pragma once

#include "hv/vm/guest.hpp"
#include "hv/vm/host.hpp"

#include <cstdint>
#include <expected>

namespace twofold::hv {

/// Runs guests by turns, each for as long as its weight says, until the last one has ended. A guest
/// that is alone runs without being interrupted.
class Scheduler {
  public:
    /// Clones are numbered from `first_clone` on.
    Scheduler(Host const& host, std::uint32_t first_clone)
        : host_(host), next_clone_(first_clone) {}
    Scheduler(Scheduler const&) = delete;
    Scheduler& operator=(Scheduler const&) = delete;

    [[nodiscard]] Host const& host() const { return host_; }

    /// Two frames for a guest: `vmcs`, and the one that the Guest is constructed in.
    struct GuestFrames {
        Hpa guest;
        Hpa vmcs;
    };
    [[nodiscard]] std::expected<GuestFrames, SpaceError> allocate_guest();
    void free_guest(GuestFrames const& frames);
    /// Destroys a guest that does not wait, and frees its frames.
    void remove(Guest& guest);

    /// The guest gets its turn after all who wait already.
    void add(Guest& guest);
    /// The guest's pages may be swapped out from now on.
    void watch(Guest& guest) {
        if (host_.policy != nullptr) host_.policy->watch(guest.space);
    }
    /// The same for what `clone()` adds, if the over-commit policy lets one more guest like
    /// `parent` be made. There must be a policy.
    template <class Clone>
    [[gnu::cold]] auto add_by_policy(Guest const& parent, Clone&& clone) -> decltype(clone());
    /// Runs all of them to their ends, reports and frees them.
    void run();
    /// Checks every frame of the machine against what the guests and the hypervisor have, and
    /// reports what comes of it.
    void audit();
    /// Somebody but the guest that runs waits for the processor.
    [[nodiscard]] bool others_wait() const {
        return !guests_.empty() && &guests_.front() != &guests_.back();
    }

    /// Something is to be done while no guest wants the processor.
    [[nodiscard]] bool uses_idle_time() const {
        return host_.upkeep != nullptr && host_.upkeep->works_in_background();
    }

    /// The guest is interrupted from time to time: others wait, or frames are zeroed for it.
    [[nodiscard]] bool takes_turns(Guest const& guest) const;

    /// Makes the guest's VMCS the current one, which must be a VMCS already, and its state the
    /// processor's.
    void switch_to(Guest& guest);

    /// Makes the stock of zeroed frames fuller, if `guest` takes from it.
    void refill_stock(Guest& guest);
    /// Gives the frames that the hypervisor has for later back to the pool. False when there were
    /// none.
    bool give_back_stock();
    /// After an allocation has failed: whether it may succeed now.
    [[gnu::cold, gnu::noinline]] bool can_find_frames(SpaceError error) {
        return error == SpaceError::out_of_frames && (give_back_stock() || make_room());
    }
    /// Repeats `action()` for as long as it fails for want of frames and some can be found.
    template <class Action>
    auto with_frames(Action&& action) {
        for (;;) {
            auto result = action();
            if (result || !can_find_frames(result.error())) return result;
        }
    }

    /// What the guest has accessed since the last look; reported.
    std::uint64_t look_at_working_set(Guest& guest);
    /// Lets the guest's pages share frames, at its wish; there must be an Upkeep that does so.
    Merging merge(Guest& guest, Gpa from, std::uint64_t bytes);

    /// Whether the over-commit policy lets a guest be told of so much memory, which is its own
    /// until remove().
    [[nodiscard]] bool promise(std::uint64_t memory_bytes) {
        return host_.policy == nullptr || host_.policy->promise(memory_bytes);
    }
    void take_back(std::uint64_t memory_bytes) {
        if (host_.policy != nullptr) host_.policy->take_back(memory_bytes);
    }
    /// Ends a sentence that says that no frame is left.
    template <abi::TextSink Sink>
    void explain_shortage(Sink& sink) const;

    [[nodiscard]] std::uint32_t take_clone_number() { return next_clone_++; }

  private:
    using Waiting =
        boost::intrusive::member_hook<Guest, boost::intrusive::list_member_hook<>, &Guest::waiting>;
    using List =
        boost::intrusive::list<Guest, Waiting, boost::intrusive::constant_time_size<false>>;

    void give_turn(Guest& guest);
    bool make_room();
    /// Between turns.
    void do_upkeep();
    /// After a turn that was given away, or was not: once all guests have done so one after the
    /// other, upkeep goes on until it comes to the end of all memory, or for a hundredth of a
    /// second.
    void use_idle_time(bool yielded);
    /// Where the launch asks for that, after enough of the guest's time, or at its end.
    void look_at_working_set_of(Guest& guest);
    /// What a change of some guest's space asks for.
    void carry_out_for(Space const& space, Duty duty);
    void end(Guest& guest);

    Host const& host_;
    /// In front: whose turn it is.
    List guests_;
    /// Whose state the processor holds.
    Guest* loaded_ = nullptr;
    std::uint32_t next_clone_;
    /// Turns that were given away, one after the other.
    std::size_t yields_ = 0;
};

template <class Clone>
auto Scheduler::add_by_policy(Guest const& parent, Clone&& clone) -> decltype(clone()) {
    std::uint64_t const bytes = parent.record.memory_bytes;
    if (!promise(bytes)) return std::unexpected(SpaceError::over_committed);
    auto made = with_frames(clone);
    if (made) {
        watch(guests_.back());
    } else {
        take_back(bytes);
    }
    return made;
}

template <abi::TextSink Sink>
void Scheduler::explain_shortage(Sink& sink) const {
    abi::put(sink, "; all ");
    abi::put_decimal(sink, host_.pool.frames_total());
    abi::put(sink, " frames are in use");
    if (host_.policy != nullptr) host_.policy->explain_shortage(sink);
}

} // namespace twofold::hv
