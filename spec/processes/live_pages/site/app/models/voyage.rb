# frozen_string_literal: true

# A run whose every change waits for somebody to say so: what a step is to do next is a file that it takes away and reads.
class Voyage
  include Workflow
  remembers :number
  attr_reader :number

  LOOK_S = 0.02

  workflow do
    later :depart
    later :cross, retries: 1, backoff: 0.2
    await :stamp
    later :land
    later :rest
  end

  def initialize(number) = @number = Integer(number)
  def to_key = [ number ]
  def depart = obey
  def cross = obey
  def land = obey
  def rest = obey
  def stamp(seal: 1) = (reject "Not the seal." unless seal.to_i == 1)

  # @return [String] the file in which the next order is put
  def order = File.join(ENV.fetch("LIVE_FOLDER"), "orders", number.to_s)

  private
    # Tells of itself as often as it is told to, and ends when it is told to, one way or the other.
    def obey
      (1..).each do |times|
        case take
        when "tell" then progress(times, of: 9, message: "#{times} miles")
        when "go" then return
        when "fail" then raise IOError, "a storm"
        end
      end
    end

    def take
      taken = "#{order}.taken-#{Process.pid}"
      File.rename(order, taken)
      File.read(taken)
    rescue Errno::ENOENT
      checkpoint
      sleep LOOK_S
      retry
    end
end
