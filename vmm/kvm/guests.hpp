// The guests of one run under KVM: the first, and the clones that are made of it, by the launch or
// by themselves.
#pragma once

#include "kvm/early_cpuid.hpp"
#include "kvm/errands.hpp"
#include "kvm/guest_machine.hpp"
#include "kvm/outbox.hpp"

#include <twofold/abi/hypercall.hpp>

#include <atomic>
#include <expected>
#include <future>
#include <memory>
#include <vector>

namespace twofold::vmm::kvm {

/// Its methods are for the thread that waits for events; what guests ask of it comes as an errand.
class Guests {
  public:
    /// All must outlive it. `plan` is of the first guest.
    Guests(GuestPlan const& plan, RunOptions const& options, Outbox& outbox, Errands& errands);
    /// Makes all of them leave.
    ~Guests();
    Guests(Guests const&) = delete;
    Guests& operator=(Guests const&) = delete;

    [[nodiscard]] Device const& device() const { return device_; }
    [[nodiscard]] EmptyMachine make_machine(BoardOptions const& board) const {
        return {device_, board, cpuid_};
    }
    /// Machines that were made beforehand. `board`: of those to come.
    void fill_pool(BoardOptions const& board);

    /// Adds a guest that has its memory and its machine, and makes what surrounds them.
    GuestMachine& add(std::unique_ptr<GuestMachine> guest);
    /// Says that it starts, and does so.
    void start(GuestMachine& guest, std::string_view populate, std::uint64_t ticks_to_entry);
    /// Starts as many clones of a guest that has a template; what could not be made is reported.
    void start_clones(GuestMachine& parent, unsigned count);
    /// No more are started from outside: the last guest's end is the end of the run.
    void all_started() { finish_one(); }

    void request_stop(Stop const& stop);
    /// When the dirty log of some guest is to be collected next, if it is before the guest's end.
    [[nodiscard]] std::optional<LaunchDirtyLog::Clock::time_point> dirty_log_due() const;
    /// Collects those for which it is time.
    void collect_dirty_logs(LaunchDirtyLog::Clock::time_point now);
    [[nodiscard]] GuestMachine* first() const {
        return guests_.empty() ? nullptr : guests_.front().get();
    }

  private:
    void equip(GuestMachine& guest);
    /// `runs`: how often it runs.
    void start_clone(GuestMachine& parent, std::shared_ptr<Template const> const& from,
                     std::uint64_t runs);
    std::expected<std::uint64_t, abi::HypercallError> clone(GuestMachine& parent);
    MemoryCalls& memory_calls(GuestMachine& guest);
    /// Whether the guest runs again. On the guest's thread.
    bool on_end(GuestMachine& guest, Stop stop, bool for_good);
    [[nodiscard]] bool put_back(GuestMachine& guest, Stop& stop) const;
    void finish_one();
    /// Before its first instruction.
    void begin_dirty_log(GuestMachine& guest);

    void put_tables(GuestMachine& guest);

    GuestPlan plan_;
    RunOptions const& options_;
    Outbox& outbox_;
    Errands& errands_;
    ConsoleLines lines_{outbox_};
    Device device_;
    std::shared_future<CpuidTable> cpuid_ = supported_cpuid(device_);
    /// Open once there is a guest that shares memory: then it tells what is its own.
    PageMap page_map_ = PageMap::closed();
    std::unique_ptr<MachinePool> pool_;
    /// Made for the first guest that may offer pages and asks.
    std::unique_ptr<PageMerger> merger_;
    std::vector<std::unique_ptr<GuestMachine>> guests_;
    std::uint64_t next_number_ = 0;
    /// Those that run, and one for whoever may still start others.
    std::atomic<unsigned> running_ = 1;
};

} // namespace twofold::vmm::kvm
