// The six operations with what openapi-generator's typescript-fetch wrote: node … URL TOKEN.
import { Configuration, type Lead, LeadsApi } from "./client";

declare const process: { argv: string[] };

const lead = (leadId: number | string): Lead => ({
  leadId,
  phoneNumber: "9876543210",
  contactName: "Asha",
  product_plan: "Lite",
  visits: [{ page: "pricing", seconds: 42 }],
});

async function play(basePath: string, accessToken: string): Promise<void> {
  const leads = new LeadsApi(new Configuration({ basePath, accessToken }));
  const campaignId = "campaign-1";
  const createLeadsBody = [lead(9876543210), lead("disabled"), lead("deleted")];
  await leads.createLeads({ campaignId, createLeadsBody });
  const [first] = (await leads.getLeads({ campaignId, pageSize: 10 })).results;
  console.log(`["${first.leadId}", "${first.leadOutcome}"]`);
  await leads.updateLead({ campaignId, leadUpdate: { leadId: 9876543210, product_plan: "Pro" } });
  await leads.convertLead({ campaignId, leadConversion: { leadId: 9876543210, detail: "PAID" } });
  await leads.disableLeads({ campaignId, disableLeadsBody: [{ leadId: "disabled" }] });
  await leads.deleteLead({ campaignId, leadReference: { leadId: "deleted" } });
}

play(process.argv[2], process.argv[3]);
